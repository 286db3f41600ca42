"""rules: what a field's value must be. One rule, one file: clause, reason codes in both languages, examples that are tests.

A dataset names rules per field, `length(min=2,max=50)`; `compile_rules` makes them a `Judge` of rows in slices.
"""

from schemas.rules.book import REASONS, RULES, check_rules, every_example, pack_of, use_of
from schemas.rules.judge import Judge, Judgement, canonical, compile_rules
from schemas.rules.rule import Example, Rule
from schemas.rules.verdict import KEEP, Verdict, fix, reject, suspect

__all__ = ["KEEP", "REASONS", "RULES", "Example", "Judge", "Judgement", "Rule", "Verdict", "canonical", "check_rules",
           "compile_rules", "every_example", "fix", "pack_of", "reject", "suspect", "use_of"]
