import pytest
from pydantic import SecretStr

from schemas.errors import HaltError
from wire.secret import read_secret, write_secret


def test_what_was_written_is_read_and_no_one_else_may(tmp_path):
    path = tmp_path / "secrets" / "worker.password"
    write_secret(path, SecretStr("geheim"))
    write_secret(path, SecretStr("geheimer"))
    assert read_secret(path).get_secret_value() == "geheimer"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["worker.password"]


@pytest.mark.parametrize("text", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_usable_secret_is_named(tmp_path, text):
    path = tmp_path / "empty.password"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(HaltError, match=r"empty\.password"):
        read_secret(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(HaltError, match=r"none\.password"):
        read_secret(tmp_path / "none.password")
