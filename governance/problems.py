"""Problems of a city directory: all of them at once, each naming the file and what to do."""

from typing import NamedTuple

from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["CityError", "Problem", "Refusal", "RefusedError"]


class Problem(NamedTuple):
    """One thing wrong in one file of the city directory."""

    where: str
    text: Text

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class CityError(RejectError):
    """The city directory cannot be used; `problems` has every reason."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        lines = "\n  ".join(str(problem) for problem in problems)
        super().__init__("city",
                         Text(f"城市目录有 {len(problems)} 个问题：\n  {lines}\n",
                              f"the city directory has {len(problems)} problems:\n  {lines}\n"),
                         advice=Text("逐条改正后再执行 apply；没有写入任何内容",
                                     "correct each and apply again; nothing was written"))


class Refusal(NamedTuple):
    """One declared object whose change this bus cannot carry out without losing or inventing records."""

    name: str
    text: Text

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class RefusedError(RejectError):
    """The directory is well-formed, but these changes are refused by name."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self.refusals = refusals
        lines = "\n  ".join(str(refusal) for refusal in refusals)
        super().__init__("refused",
                         Text(f"{len(refusals)} 项变更不能执行：\n  {lines}\n",
                              f"{len(refusals)} changes are refused:\n  {lines}\n"),
                         advice=Text("撤回这些变更，或另立名称登记；没有写入任何内容",
                                     "take them back, or register under another name; nothing was written"))
