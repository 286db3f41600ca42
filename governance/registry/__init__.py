"""The schema registry's rules, without HTTP and without Kafka: subjects, versions, compatibility, and who may change what.

`Registered` is what is known at one plan version; the functions of `changes` say what a request would write. The numbers and
words of its errors are those of Confluent's Schema Registry 7, so that its clients understand them.
"""
