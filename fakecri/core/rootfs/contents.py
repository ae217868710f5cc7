"""What is in a regular file: bytes, kept so that holes and zeros cost nothing."""

PAGE = 65_536
_ZEROS = bytes(PAGE)


class Content:
    """The bytes of a file, in pages; a page that is missing is a hole."""

    __slots__ = ("_pages", "size")

    def __init__(self, content: bytes = b"") -> None:
        self.size = 0
        self._pages: dict[int, bytes | bytearray] = {}
        self.write_at(0, content)

    def held_bytes(self, block: int) -> int:
        """What it takes on a disk: whole blocks, without the holes."""
        return sum(-(-len(each) // block) * block for each in self._pages.values())

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on."""
        end = min(offset + count, self.size)
        parts = []
        while offset < end:
            index, start = divmod(offset, PAGE)
            length = min(PAGE - start, end - offset)
            part = bytes(self._pages.get(index, b"")[start : start + length])
            parts.append(part if len(part) == length else part.ljust(length, b"\0"))
            offset += length
        return b"".join(parts)

    def growth(self, offset: int, count: int, block: int) -> int:
        """Return how many bytes of a disk a write would take, beyond those that it has."""
        grown, end = 0, offset + count
        while offset < end:
            index, start = divmod(offset, PAGE)
            length = min(PAGE - start, end - offset)
            had = len(self._pages.get(index, b""))
            grown += max(0, -(-(start + length) // block) - -(-had // block)) * block
            offset += length
        return grown

    def write_at(self, offset: int, content: bytes) -> None:
        """Write over what is there, and beyond the end."""
        done = 0
        while done < len(content):
            index, start = divmod(offset + done, PAGE)
            part = content[done : done + PAGE - start]
            self._write_page(index, start, part)
            done += len(part)
        if content:
            self.size = max(self.size, offset + len(content))

    def _write_page(self, index: int, start: int, part: bytes) -> None:
        if len(part) == PAGE:
            self._pages[index] = _ZEROS if part == _ZEROS else bytes(part)
            return
        page = self._pages.get(index)
        if not isinstance(page, bytearray):
            page = self._pages[index] = bytearray(page or b"")
        if len(page) < start:
            page.extend(bytes(start - len(page)))
        page[start : start + len(part)] = part

    def resize(self, size: int) -> None:
        """Cut it, or extend it by a hole."""
        if size < self.size:
            last, kept = divmod(size, PAGE)
            for index in [
                each for each in self._pages if each > last or (each == last and not kept)
            ]:
                del self._pages[index]
            if last in self._pages:
                self._pages[last] = bytearray(self._pages[last][:kept])
        self.size = size
