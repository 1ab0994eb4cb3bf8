import errno

import pytest

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.sinks.local_files import translated


@pytest.mark.parametrize(
    ("number", "error", "advice"),
    [
        pytest.param(errno.EACCES, SinkDeniedError, "right to read and write", id="no right"),
        pytest.param(errno.EROFS, SinkDeniedError, "can be written", id="a read-only file system"),
        pytest.param(errno.ELOOP, SinkDeniedError, "follows no link", id="a link"),
        pytest.param(errno.ENOTDIR, SinkDeniedError, "follows no link", id="a link or file on the way"),
        pytest.param(errno.ENOSPC, SinkUnavailableError, "make room", id="a full disk"),
        pytest.param(errno.EIO, SinkUnavailableError, "file system", id="a broken disk"),
        pytest.param(None, SinkUnavailableError, "file system", id="nobody knows"),
    ],
)
def test_an_error_of_the_system_says_whether_it_may_not_or_cannot(
    number: int | None, error: type[SinkError], advice: str
) -> None:
    raised = OSError(number, "why") if number else OSError("why")
    with pytest.raises(error, match="a/b: ") as caught, translated("a/b"):
        raise raised
    assert advice in caught.value.advice
    assert caught.value.__cause__ is raised
