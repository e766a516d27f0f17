"""Writes the seeds of the fuzz targets, which the tests read too: needs numpy and ml_dtypes."""
import gzip
import io
import os
import struct
import zipfile

import ml_dtypes
import numpy as np

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def put(target, name, data):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def npy(array, version=None):
    f = io.BytesIO()
    np.lib.format.write_array(f, array, version=version, allow_pickle=True)
    return f.getvalue()


def raw(text, data):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


ramp = np.arange(6).reshape(2, 3)
put("npy", "f4.npy", npy((ramp / 2).astype("<f4")))
put("npy", "f8_big.npy", npy((ramp / 2).astype(">f8")))
put("npy", "f2.npy", npy((ramp / 2).astype("<f2")))
put("npy", "bf16.npy", npy((ramp / 2).astype(ml_dtypes.bfloat16)))
for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
    put("npy", dtype + ".npy", npy(ramp.astype(dtype)))
put("npy", "i4_big.npy", npy(ramp.astype(">i4")))
put("npy", "bool.npy", npy(ramp % 2 == 1))
put("npy", "fortran.npy", npy(np.asfortranarray(np.arange(24, dtype="<i4").reshape(2, 3, 4))))
put("npy", "version2.npy", npy(ramp.astype("<f4"), (2, 0)))
put("npy", "version3.npy", npy(ramp.astype("<f4"), (3, 0)))
put("npy", "scalar.npy", npy(np.array(1.5)))
put("npy", "empty.npy", npy(np.zeros((0, 3), "<f4")))
put("npy", "python2.npy", raw(b"{'descr': '<i2', 'fortran_order': False, 'shape': (2L, 3L)}\n", bytes(range(12))))
put("npy", "object.npy", npy(np.array([None, 1], dtype=object)))
put("npy", "string.npy", npy(np.array(["a", "bc"])))
put("npy", "complex.npy", npy(np.array([1j])))
put("npy", "record.npy", npy(np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")])))
put("npy", "huge.npy", raw(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976, 4611686018427387904)}", b""))
put("npy", "long.npy", raw(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", b"abcd"))
put("npy", "short.npy", npy(ramp.astype("<f4"))[:-5])


def npz(arrays, method, extra=()):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", method) as z:
        for name, array in arrays.items():
            z.writestr(zipfile.ZipInfo(name + ".npy"), npy(array), compress_type=method)
        for name, data in extra:
            z.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return f.getvalue()


two = {"x_train": ramp.astype("u1"), "y_train": np.array([1, 2], "<i4")}
stored = npz(two, zipfile.ZIP_STORED)
put("npz", "stored.npz", stored)
put("npz", "deflated.npz", npz({"x": np.zeros((50, 50), "<f4"), "y": np.arange(3.0)}, zipfile.ZIP_DEFLATED))
put("npz", "empty.npz", npz({}, zipfile.ZIP_STORED))
put("npz", "other.npz", npz({"a": np.arange(3)}, zipfile.ZIP_STORED, [("read.me", b"text")]))
put("npz", "truncated.npz", stored[:-30])
put("npz", "cut.npz", stored[: len(stored) // 2])
damaged = bytearray(npz({"x": np.arange(100.0)}, zipfile.ZIP_STORED))
damaged[400] ^= 255
put("npz", "damaged.npz", bytes(damaged))
# A member whose header claims 40 GB: the file behind it has a hundred bytes.
bomb = bytearray(stored)
at = bomb.find(b"PK\x01\x02")
bomb[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
put("npz", "bomb.npz", bytes(bomb))


def idx(kind, array):
    return bytes([0, 0, kind, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape) + array.tobytes()


u1 = idx(8, ramp.astype("u1"))
put("idx", "u1", u1)
put("idx", "i1", idx(9, ramp.astype("i1")))
put("idx", "i2", idx(11, ramp.astype(">i2")))
put("idx", "i4", idx(12, ramp.astype(">i4")))
put("idx", "f4", idx(13, (ramp / 2).astype(">f4")))
put("idx", "f8", idx(14, (ramp / 2).astype(">f8")))
put("idx", "u1.gz", gzip.compress(u1, mtime=0))
put("idx", "cut.gz", gzip.compress(u1, mtime=0)[:-9])
put("idx", "short", u1[:-1])
put("idx", "more", u1 + b"x")
put("idx", "huge", bytes([0, 0, 14, 3]) + b"\xff" * 12)
put("idx", "bomb.gz", gzip.compress(bytes([0, 0, 8, 1]) + b"\x7f\xff\xff\xff", mtime=0))

put("csv", "plain.csv", b"1,2.5,-3e2\n4,.5,6.\n")
put("csv", "header.csv", b"\xef\xbb\xbfa;b\r\n1;2\r\n\r\n# a comment\r\n3;4\r\n")
put("csv", "tab.csv", b"1\t2\n3\t4")
put("csv", "blanks.csv", b" 1  2  3\n 4\t5 6 \n")
put("csv", "quoted.csv", b'"x","y"\n"1.5","2"\n')
put("csv", "column.csv", b"1\n2\n3\n")
put("csv", "special.csv", b"nan,inf,-Infinity,True,1e400,123456789012345678901234567890,0.1e-330\n")
put("csv", "ragged.csv", b"1,2\n3\n")
put("csv", "word.csv", b"1,2\n3,x\n")
put("csv", "empty_field.csv", b"1,2\n3,\n")
put("csv", "nothing.csv", b"\n# only a comment\n")
