"""console: the door. The command line, the HTTP pages, and the supervisor that runs a whole bus on one machine.

Belongs here   thin commands and routes over the other rooms, how they print, which processes run and with which rights.
Never here     a rule, a query, a decision of its own.
Imports        every room.
"""
