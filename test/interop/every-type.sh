# Makes one of everything that a filesystem has in the current directory. $1: a name longer than ustar's field.
mkdir -p a/b "$1/$1/$1" empty a-b 'ünïcode/日本語'
echo one >a/b/file
echo two >a.b
echo three >a-b/file
: >empty-file
printf 'x%.0s' $(seq 1 100000) >large
echo long >"$1/$1/$1/$1"
echo name >'ünïcode/日本語/ファイル'
ln -s ../target a/link
ln -s "$1/$1/$1/$1" long-link
ln a/b/file z-hard-link
ln a/b/file a/0-hard-link
mkfifo fifo
mknod char c 1 3
mknod block b 7 200
echo setuid >setuid && chmod 4755 setuid
echo sticky >a/sticky && chmod 1777 a && chmod 2750 empty
chown 1000:1001 a/b && chown 3000000:3000001 a.b
setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 large
touch -d '1960-01-01T00:00:00Z' a-b/file
touch -d '2040-02-03T04:05:06.789Z' a/b/file
touch -h -d '2001-02-03T04:05:06Z' a/link
touch -d '2262-01-01T00:00:00Z' empty-file
touch -d '1999-12-31T23:59:59Z' a/b a empty
