"""What may be sent once more; the rest of the telling apart is tested on sockets in test_exchange."""

from __future__ import annotations

import pytest
import requests
import urllib3
from cueworker.client import ServerUnreachable
from cueworker.client.failures import failure, may_be_repeated, nothing_was_sent


def closed_pool() -> requests.ConnectionError:
    """What `requests` raises when another thread closed the kept connections before this request took one."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 9)
    pool.close()
    with pytest.raises(urllib3.exceptions.ClosedPoolError) as caught:
        pool.urlopen("POST", "/", retries=False)
    return requests.ConnectionError(caught.value)


def test_a_pool_that_was_closed_meanwhile_sent_nothing():
    error = closed_pool()
    assert nothing_was_sent(error)
    assert may_be_repeated(error, "POST")
    assert isinstance(failure(error, "POST /x", "http://127.0.0.1:9"), ServerUnreachable)


@pytest.mark.parametrize(
    ("error", "methods"),
    [
        (
            urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")),
            {"GET"},
        ),
        (urllib3.exceptions.ProtocolError("Connection aborted.", ValueError("bad status line")), set()),
        (urllib3.exceptions.ProtocolError("Connection broken"), set()),
        (OSError("something"), set()),
    ],
)
def test_only_a_reset_get_may_be_repeated(error, methods):
    wrapped = requests.ConnectionError(error)
    assert {
        method for method in ("GET", "POST", "PATCH", "DELETE") if may_be_repeated(wrapped, method)
    } == methods
    assert not may_be_repeated(None, "GET")
    assert not nothing_was_sent(wrapped)
