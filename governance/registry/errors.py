"""What the registry refuses, with the HTTP status and the error number that clients of Confluent's registry know.

Statuses, numbers and English words as in its public source (rest/exceptions/Errors.java); the advice is ours.
"""

from collections.abc import Iterable

from schemas.errors import RejectError
from schemas.text import Text

__all__ = ["RegistryError", "in_use", "incompatible", "invalid_level", "invalid_mode", "invalid_schema", "invalid_subject",
           "invalid_version", "level_not_set", "mode_not_set", "not_allowed", "not_permitted", "referenced", "schema_not_found",
           "subject_deleted", "subject_not_deleted", "subject_not_found", "too_large", "version_deleted", "version_not_deleted",
           "version_not_found"]

_LOOK = Text("用 GET /subjects 或 shutong schema list 查看已有的", "GET /subjects or `shutong schema list` shows what there is")
_FIRST_SOFT = Text("先删除，再以 permanent=true 彻底删除", "delete it first, then delete it for good with permanent=true")
_FOR_GOOD = Text("彻底删除请加 permanent=true", "to delete it for good add permanent=true")


class RegistryError(RejectError):
    """A request that the registry refuses: `status` is HTTP's, `number` Confluent's error code."""

    def __init__(self, status: int, number: int, problem: Text, *, advice: Text) -> None:
        super().__init__("registry", problem, advice=advice)
        self.status = status
        self.number = number


def subject_not_found(subject: str) -> RegistryError:
    return RegistryError(404, 40401, Text(f"没有主题 {subject}", f"Subject '{subject}' not found."), advice=_LOOK)


def version_not_found(version: int | str) -> RegistryError:
    return RegistryError(404, 40402, Text(f"没有版本 {version}", f"Version {version} not found."), advice=_LOOK)


def schema_not_found(number: int | None = None) -> RegistryError:
    name = "" if number is None else f" {number}"
    return RegistryError(404, 40403, Text(f"没有模式{name}", f"Schema{name} not found"), advice=_LOOK)


def subject_deleted(subject: str) -> RegistryError:
    return RegistryError(404, 40404, Text(f"主题 {subject} 已经删除", f"Subject '{subject}' was soft deleted."), advice=_FOR_GOOD)


def subject_not_deleted(subject: str) -> RegistryError:
    return RegistryError(404, 40405, Text(f"主题 {subject} 还没有删除，不能彻底删除",
                                          f"Subject '{subject}' was not deleted first before being permanently deleted"),
                         advice=_FIRST_SOFT)


def version_deleted(subject: str, version: int) -> RegistryError:
    return RegistryError(404, 40406, Text(f"主题 {subject} 的版本 {version} 已经删除",
                                          f"Subject '{subject}' Version {version} was soft deleted."), advice=_FOR_GOOD)


def version_not_deleted(subject: str, version: int) -> RegistryError:
    return RegistryError(404, 40407, Text(f"主题 {subject} 的版本 {version} 还没有删除，不能彻底删除",
                                          f"Subject '{subject}' Version {version} was not deleted first before being "
                                          "permanently deleted"), advice=_FIRST_SOFT)


def level_not_set(subject: str) -> RegistryError:
    return RegistryError(404, 40408, Text(f"主题 {subject} 没有自己的兼容级别",
                                          f"Subject '{subject}' does not have subject-level compatibility configured"),
                         advice=Text("加 defaultToGlobal=true 查看实际适用的级别", "defaultToGlobal=true gives the level that applies"))


def mode_not_set(subject: str) -> RegistryError:
    return RegistryError(404, 40409, Text(f"主题 {subject} 没有自己的模式状态",
                                          f"Subject '{subject}' does not have subject-level mode configured"),
                         advice=Text("所有主题都是 READWRITE", "every subject is READWRITE"))


def incompatible(subject: str, messages: Iterable[str]) -> RegistryError:
    details = "; ".join(messages)
    return RegistryError(409, 409, Text(f"与主题 {subject} 已有的版本不兼容：{details}",
                                        f'Schema being registered is incompatible with an earlier schema for subject "{subject}", '
                                        f"details: [{details}]"),
                         advice=Text("给新增字段默认值，不要改字段类型；或以新名称登记",
                                     "give new fields a default and keep types as they are, or register under another name"))


def invalid_schema(why: Text) -> RegistryError:
    return RegistryError(422, 42201, Text(f"模式无效：{why.zh}", f"Invalid schema: {why.en}"),
                         advice=Text("改正后再登记", "correct it and register again"))


def invalid_version(text: str) -> RegistryError:
    return RegistryError(422, 42202, Text(f"{text!r} 不是版本号", f"The specified version '{text}' is not a valid version id."),
                         advice=Text("版本号是正整数，或 latest", "Allowed values are between [1, 2^31-1] and the string \"latest\""))


def invalid_level(levels: Iterable[str]) -> RegistryError:
    known = ", ".join(levels)
    return RegistryError(422, 42203, Text("不认识的兼容级别", "Invalid compatibility level."),
                         advice=Text(f"可选 {known}", f"Valid values are {known}"))


def invalid_mode() -> RegistryError:
    return RegistryError(422, 42204, Text("不认识的模式状态", "Invalid mode."),
                         advice=Text("只有 READWRITE", "READWRITE is the only one"))


def not_permitted(why: Text, advice: Text) -> RegistryError:
    return RegistryError(422, 42205, why, advice=advice)


def referenced(subject: str, version: int, by: Iterable[int]) -> RegistryError:
    ids = ", ".join(map(str, by))
    return RegistryError(422, 42206, Text(f"主题 {subject} 的版本 {version} 被模式 {ids} 引用",
                                          f"One or more references exist to the schema: subject '{subject}', version {version}, "
                                          f"referenced by the schemas {ids}"),
                         advice=Text("先删除引用它的模式", "delete those first"))


def in_use(subject: str, version: int, by: str) -> RegistryError:
    return RegistryError(422, 42206, Text(f"主题 {subject} 的版本 {version} 正在总线上使用（{by}），不能删除",
                                          f"One or more references exist to the schema: the bus uses version {version} of "
                                          f"subject '{subject}' ({by})"),
                         advice=Text("使用中的，以及通道里可能还有其记录的版本，都不能删除",
                                     "a version in use, and one of which the lanes may still hold records, is not deleted"))


def invalid_subject(subject: str) -> RegistryError:
    return RegistryError(422, 42208, Text(f"{subject!r} 不能作主题名", f"The specified subject {subject!r} is not a valid subject name"),
                         advice=Text("主题名不含控制字符、不以 : 开头、最长 255 个字符",
                                     "a name has no control characters, does not begin with ':', and is at most 255 characters long"))


def too_large(limit: int) -> RegistryError:
    return RegistryError(422, 42209, Text(f"模式超过 {limit} 字节", f"Register operation failed because schema is too large: "
                                                              f"more than {limit} bytes"),
                         advice=Text("拆成几个模式，用 references 引用", "split it, and let one reference the other"))


def not_allowed(role: str, subject: str) -> RegistryError:
    what = f"主题 {subject}" if subject else "全局设置", f"subject {subject}" if subject else "the global settings"
    return RegistryError(403, 40301, Text(f"{role} 无权更改{what[0]}", f"User {role} is denied operation Write on {what[1]}"),
                         advice=Text("提供方只能更改以自己的名字开头的主题，其余由大数据局更改",
                                     "a provider changes subjects that begin with its own name; the rest is the bureau's"))
