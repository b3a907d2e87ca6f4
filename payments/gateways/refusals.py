"""How a call can end without a value, and why a webhook is turned away."""


class Refused(Exception):
    """The gateway answered, finally, that it will not do this. Nothing was done."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NoStatement(Refused):
    """This gateway tells no day as a whole: nothing can be compared or adopted there."""


class Unknown(Exception):
    """No trustworthy answer: timeout, reset, 5xx, broken or unverifiable body.

    The request may or may not have taken effect. Never a failure: ask again.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotificationRefused(Exception):
    """A webhook that is not genuine (401) or not well formed or stale (400)."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
