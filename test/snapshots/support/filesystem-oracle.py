"""Runs operations on a real filesystem: each line of input is a list of operations, done in an empty directory as the root
(chroot, so that absolute symlinks and `..` mean what they mean in a snapshot). One line of output says what each gave, and
what the tree is then."""
import errno
import json
import os
import shutil
import stat
import sys
import tempfile

WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK


def write(path, text):
    file = os.open(path, WRITE, 0o644)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def read(path):
    if stat.S_ISFIFO(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "fifo")
    with open(path) as file:
        return file.read()


def remove(path, recursive):
    try:
        os.unlink(path)
    except IsADirectoryError:
        last = path.rstrip("/").split("/")[-1]
        if recursive and last not in ("", ".", ".."):
            shutil.rmtree(path)
        else:
            os.rmdir(path)


def describe(status):
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}
    type = kind[stat.S_IFMT(status.st_mode)]
    links = 1 if type == "directory" else status.st_nlink
    mode = 0o777 if type == "symlink" else stat.S_IMODE(status.st_mode)
    return [type, mode, status.st_uid, status.st_gid, status.st_size if type == "file" else 0, links]


OPERATIONS = {
    "write": write,
    "read": read,
    "mkdir": lambda path: os.mkdir(path, 0o755),
    "symlink": os.symlink,
    "link": lambda existing, path: os.link(existing, path, follow_symlinks=False),
    "mkfifo": lambda path: os.mkfifo(path, 0o644),
    "rename": os.rename,
    "remove": remove,
    "chmod": os.chmod,
    "chown": lambda path, uid, gid, follow: os.chown(path, uid, gid, follow_symlinks=follow),
    "stat": lambda path: describe(os.stat(path)),
    "lstat": lambda path: describe(os.lstat(path)),
    "readlink": os.readlink,
    "readdir": lambda path: sorted(os.listdir(path)),
}


def dump():
    nodes = []
    groups = {}

    def visit(path, status):
        more = None
        if stat.S_ISLNK(status.st_mode):
            more = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            with open(path) as file:
                more = file.read()
        if not stat.S_ISDIR(status.st_mode):
            groups.setdefault(status.st_ino, []).append(path)
        nodes.append([path, *describe(status), more])
        if stat.S_ISDIR(status.st_mode):
            for name in sorted(os.listdir(path)):
                child = os.path.join(path, name)
                visit(child, os.lstat(child))

    visit("/", os.lstat("/"))
    return {"nodes": nodes, "links": sorted(paths for paths in groups.values() if len(paths) > 1)}


def run(root, operations):
    os.chroot(root)
    os.chdir("/")
    os.umask(0)
    results = []
    for name, *arguments in operations:
        try:
            results.append({"value": OPERATIONS[name](*arguments)})
        except OSError as error:
            results.append({"error": errno.errorcode[error.errno]})
    return {"results": results, **dump()}


for line in sys.stdin:
    root = tempfile.mkdtemp(prefix="slipway-oracle-")
    os.chmod(root, 0o755)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # A chroot cannot be left again: each list of operations has a process of its own.
        with os.fdopen(writing, "w") as out:
            json.dump(run(root, json.loads(line)), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    shutil.rmtree(root)
    print(text, flush=True)
