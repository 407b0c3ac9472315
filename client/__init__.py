"""The CueAPI HTTP client: every worker and cue call, typed errors, the request budget."""

from .api import CueAPI
from .budget import Budget, Reservation, Spare
from .device_login import Approved, DeviceLogin
from .errors import (
    AnswerLost,
    BadRequest,
    BudgetExhausted,
    Conflict,
    CueAPIError,
    Forbidden,
    LoginEnded,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Redirected,
    RefusedByServer,
    ServerError,
    ServerUnreachable,
    TooLarge,
    Unauthorized,
    Unprocessable,
)
from .window import Priority

__all__ = [
    "CueAPI",
    "DeviceLogin",
    "Approved",
    "Budget",
    "Priority",
    "Reservation",
    "Spare",
    "CueAPIError",
    "RefusedByServer",
    "Redirected",
    "BadRequest",
    "Unauthorized",
    "Forbidden",
    "NotFound",
    "Conflict",
    "TooLarge",
    "Unprocessable",
    "RateLimited",
    "ServerError",
    "ServerUnreachable",
    "AnswerLost",
    "MalformedAnswer",
    "BudgetExhausted",
    "LoginEnded",
]
