"""governance: the decisions. What a city declares becomes the plan that machines obey.

Belongs here   the city directory and its problems, the pure step from (plan, city) to a change, its diff, provisioning
               before publishing, the control writer behind `shutong apply` and serve, the rules of the schema registry.
Never here     moving records, cleaning or routing them, pages.
Imports        schemas, wire.
"""
