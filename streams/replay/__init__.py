"""replay: what leaves quarantine. How letters are mended, which may go out, and that each does so once.

`recent` and `guard` are clean's side of it; `box`, `newest`, `mending`, `decide` are pure and the replayer's, which is in
`replayer` and speaks to Kafka through wire.
"""
