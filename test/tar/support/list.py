"""Prints what Python's tarfile reads of the archive on standard input: one JSON object per entry, texts percent-encoded."""
import hashlib
import json
import sys
import tarfile

PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-"
TYPES = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.CONTTYPE: "file", tarfile.GNUTYPE_SPARSE: "file",
    tarfile.LNKTYPE: "link", tarfile.SYMTYPE: "symlink", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block",
    tarfile.DIRTYPE: "directory", tarfile.FIFOTYPE: "fifo",
}


def percent(text):
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in PLAIN else "%%%02X" % byte for byte in data)


def describe(archive, member):
    kind = TYPES[member.type]
    entry = {
        "name": percent(member.name), "type": kind, "mode": member.mode & 0o7777, "uid": member.uid, "gid": member.gid,
        "size": member.size if kind == "file" else 0,
        "mtime": member.pax_headers.get("mtime", str(int(member.mtime))),
        "userName": percent(member.uname), "groupName": percent(member.gname),
        "pax": {percent(key): percent(value) for key, value in member.pax_headers.items()},
    }
    if kind in ("link", "symlink"):
        entry["linkName"] = percent(member.linkname)
    if kind in ("char", "block"):
        entry["deviceMajor"], entry["deviceMinor"] = member.devmajor, member.devminor
    if kind == "file":
        entry["content"] = hashlib.sha256(archive.extractfile(member).read()).hexdigest()
    return entry


with tarfile.open(fileobj=sys.stdin.buffer, mode="r|", encoding="utf-8", errors="surrogateescape") as archive:
    for member in archive:
        print(json.dumps(describe(archive, member)))
