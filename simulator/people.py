from starlette.routing import Route
from simulator.books import Books


class PeopleDoors:
    def __init__(self, books: Books) -> None: ...
    def routes(self) -> list[Route]:
        return []
