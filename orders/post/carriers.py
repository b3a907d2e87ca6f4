"""What a carrier can answer, named by what the sender does next. No text names a recipient."""


class CarrierDown(Exception):
    """Nobody answers there: stop for now, try everything later."""


class NotNow(Exception):
    """This one was not taken: try it later."""


class NotThere(Exception):
    """This one will never be taken: do not try again."""
