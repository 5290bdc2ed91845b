"""Just enough of GGUF v3 (docs/formats.md) to see the types of a file's tensors and to give it other metadata."""

import mmap
import shutil
import struct

UINT32, BOOL, STRING, ARRAY = 4, 7, 8, 9
VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
TENSOR_TYPES = {0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 8: "q8_0", 14: "q6_k", 30: "bf16"}


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


class Header:
    """`pairs`: (key, value type, the value's bytes as they are in the file). `types`: tensor name to (type, axes)."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as self._data:
            self._at = 0
            if self._take(4) != b"GGUF" or self._number("<I") != 3:
                raise SystemExit(f"peers: {path} is not GGUF version 3")
            tensors, pairs = self._number("<Q"), self._number("<Q")
            self.pairs = [self._pair() for _ in range(pairs)]
            start = self._at
            self.types = dict(self._tensor() for _ in range(tensors))
            self.tensor_infos = self._data[start:self._at]
        alignment = next((struct.unpack("<I", raw)[0] for key, _, raw in self.pairs if key == "general.alignment"), 32)
        self.alignment = alignment
        self.data_begin = padded(self._at, alignment)

    def strings(self, wanted):
        """The value of a key that is an array of strings."""
        raw = next(raw for key, _, raw in self.pairs if key == wanted)
        at, found = 12, []
        while at < len(raw):
            size = struct.unpack_from("<Q", raw, at)[0]
            found.append(raw[at + 8:at + 8 + size].decode(errors="replace"))
            at += 8 + size
        return found

    def _take(self, size):
        self._at += size
        return self._data[self._at - size:self._at]

    def _number(self, form):
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _string(self):
        return self._take(self._number("<Q"))

    def _pair(self):
        key, kind = self._string().decode(), self._number("<I")
        start = self._at
        self._skip(kind)
        return key, kind, self._data[start:self._at]

    def _skip(self, kind):
        if kind == STRING:
            self._string()
        elif kind == ARRAY:
            inner, count = self._number("<I"), self._number("<Q")
            if inner in VALUE_BYTES:
                self._at += count * VALUE_BYTES[inner]
            else:
                for _ in range(count):
                    self._skip(inner)
        else:
            self._at += VALUE_BYTES[kind]

    def _tensor(self):
        name, axes = self._string().decode(), self._number("<I")
        self._take(8 * axes)
        kind, _ = self._number("<I"), self._number("<Q")
        return name, (TENSOR_TYPES.get(kind, f"type {kind}"), axes)


def padded(size, alignment):
    return (size + alignment - 1) // alignment * alignment


def write_with(header, pairs, target):
    """The tensors of header's file as they are, behind other metadata; offsets count from where the data begins."""
    tensors = len(header.types)
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(pairs))
    head += b"".join(string(key) + struct.pack("<I", kind) + raw for key, kind, raw in pairs)
    head += header.tensor_infos
    with open(header.path, "rb") as source, open(target, "wb") as file:
        file.write(head.ljust(padded(len(head), header.alignment), b"\0"))
        source.seek(header.data_begin)
        shutil.copyfileobj(source, file, 1 << 20)
