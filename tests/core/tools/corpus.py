"""Command lines that a real busybox and the tools are given; `~` is a space within a word."""

LINES = """
ls
ls -a
ls -A
ls -1
ls -d d
ls d
ls d a nosuch
ls nosuch
ls -R
ls -R d
ls -F
ls -p
ls -C
ls -x
ls -l a
ls -l a b.txt link
ls -ln a
ls -lh b.txt a
ls -l run.sh
ls -l link dangling
ls -lF link dirlink
ls -ld d
ls -lnd d
ls -S
ls -r
ls -rS
ls -X
ls -v
ls -t a b.txt
ls -w 20 -C
ls --group-directories-first
ls --full-time -l a
ls -z
ls --nosuch
ls -l --
ls dirlink
ls -l dirlink
ls -H dirlink
ls -L dangling
ls dangling
ls name~with~space
cp
cp a
cp a x
cp nosuch x
cp a d
cp a d/
cp a nosuch/x
cp d x
cp -r d x
cp -R d/sub x
cp -r d d2/e
cp -a d x
cp -p a x
cp a b.txt d
cp a b.txt nosuch
cp a a
cp link x
cp -d link x
cp -P link x
cp -a link x
cp -r dirlink x
cp -L dirlink x
cp -rL dirlink x
cp dangling x
cp -l a x
cp -s a x
cp -n a b.txt
cp -u a b.txt
cp -f a b.txt
cp -T a d
cp -t d a b.txt
cp a b.txt a
cp -r d a
cp -z
cp run.sh x
mv
mv a
mv a x
mv a d
mv a b.txt
mv nosuch x
mv a nosuch/x
mv a b.txt d
mv a b.txt nosuch
mv d x
mv d d/sub
mv a d/one
mv d a
mv -n a b.txt
mv -t d a
mv -T a d
mv link x
mv -f a b.txt
rm
rm -f
rm a
rm nosuch
rm -f nosuch
rm d
rm -r d
rm -rf d nosuch a
rm link
rm -r dirlink
rm -r .
rm -rf ..
rm -f d
rm -z
rm a nosuch b.txt
rmdir
rmdir d
rmdir nosuch
rmdir a
rmdir d/sub/deeper
mkdir x
mkdir
mkdir d
mkdir a
mkdir x/y
mkdir -p x/y/z
mkdir -p d/sub
mkdir -p a/b
mkdir -m 700 x
mkdir -m u=rx x
mkdir -m zz x
mkdir -p -m 700 x/y
mkdir x y d z
mkdir ''
touch x
touch
touch a
touch nosuch/x
touch -c nosuch
touch -d bad x
touch -d @100 x
touch -t 202101020304.05 x
touch -r a x
touch -r nosuch x
touch d
ln
ln a
ln a x
ln -s a x
ln -s nosuch x
ln nosuch x
ln -s a b.txt
ln a b.txt
ln -sf a b.txt
ln -s a b.txt d
ln -s a dirlink
ln -sn a dirlink
ln -sfn a dirlink
ln -sv a x
ln d x
ln -sb a b.txt
ln -s a b.txt nosuch
ln -T a d
ln -s d/one
readlink link
readlink a
readlink nosuch
readlink -f link
readlink -f nosuch
readlink -f nosuch/x
readlink -f d/up
readlink -f .
readlink -n link
readlink -v a
readlink
readlink a b.txt
realpath link
realpath a nosuch d/../a
realpath nosuch/x
realpath
realpath dangling
basename
basename /a/b/
basename a.c .c
basename a.c .c x
basename -a a/b c/d
basename -s .c a.c b.c
basename .c .c
basename /
basename ab b
dirname
dirname /a/b
dirname /a/b/
dirname a
dirname a/b/c
dirname a/
dirname /
dirname a b
dirname a//b
chmod
chmod 777
chmod 700 a
chmod 4755 a
chmod u+x a
chmod go-r,u+x a
chmod a=r a
chmod +x a b.txt
chmod -x run.sh
chmod =rw a
chmod u=g a
chmod g+s d
chmod +t d
chmod u+s run.sh
chmod o=u a
chmod X a
chmod a+X a run.sh d
chmod zz a
chmod 99 a
chmod 77777 a
chmod 644 nosuch a
chmod -R 700 d
chmod -R go-rwx d
chmod -v u+x a
chmod -c 644 a
chmod -f 644 nosuch
chmod 600 link
chmod u+x,g=u,o-r run.sh
chmod u+rwx-x a
chown
chown root a
chown root
chown nosuchuser a
chown :nosuchgroup a
chown 1:2 a
chown -v 1:2 a
chown -R 0:0 d
chown root:root nosuch
chgrp 0 a
chgrp nosuchgroup a
stat -c %a a
stat -c %A:%F:%h:%n:%N:%s a
stat -c %A:%F:%N link d empty
stat -c %u:%g:%U:%G a
stat -c %f:%t:%T a
stat -c %5s| a
stat -c %-9s| a
stat -c %q%% a
stat -c %Y a
stat -L -c %F:%s link
stat nosuch
stat
stat -z
stat a
stat d/one
stat -c %N dangling
find
find .
find d
find d -name one
find d -name *.c
find . -name *e*
find d -iname ONE
find . -type f
find . -type d
find . -type l
find d -maxdepth 1
find d -mindepth 2
find d -maxdepth 0
find . -path ./d/sub*
find . -size 0
find . -size +1k
find . -size -3c
find . -empty
find . -newer a
find . -perm 755
find . -perm -111 -type f
find . -perm /111 -type f
find . -user root -name a
find . -mtime +10 -type f
find . -mmin -10000 -name d
find . -name a -o -name empty
find . ( -name a -o -name empty ) -type f
find . ! -name a -type f
find . -not -type d -not -name *e*
find d -print0
find d -name one -exec echo {} ;
find d -type f -exec echo x{}y {} ;
find d -name one -exec false ; -print
find d -exec nosuchcmd {} ;
find d -name one -exec cat {} +
find d -prune
find . -name sub -prune -o -name deep -print
find d -depth
find -L . -type f -name one
find -H dirlink -name one
find dirlink
find dirlink -follow -name one
find nosuch
find nosuch d -name one
find . -foo
find . -name
find . -type z
find . -size x
find . -exec echo
find . ( -name a
find . -name a )
find . -mtime x
find . -maxdepth x
find . -perm zz
find . -user nosuchuser
find . -newer nosuch
find . -links 2
find . -samefile a
find d -xdev -name one
find d -name one -quit
find d -regex .*two.*
find . -regex ./[ab].*
du nosuch
du -s nosuch
du -sb a
du -b a
du -d x
du -z
du -b b.txt a empty
dd if=a of=x
dd if=nosuch
dd if=a bs=0
dd if=b.txt of=x bs=512
dd if=b.txt of=x bs=1k count=2 skip=1 seek=3
dd if=a of=nosuch/x
dd if=a count=x
dd if=a conv=foo
dd if=a of=b.txt conv=notrunc
dd if=a of=b.txt
dd if=b.txt of=x bs=700 status=none
dd if=b.txt of=x ibs=100 obs=300
dd count=1 bs=3
dd bs=2 conv=swab
dd if=a bs=4 conv=sync
dd foo
dd foo=1
dd bs=5 skip=1
dd if=a bs=1 count=3
dd if=/dev/zero of=x bs=1000 count=3
dd if=a status=foo
dd if=b.txt of=x bs=1k count=1 seek=1 conv=notrunc,fsync
dd if=a of=x oflag=append
dd if=b.txt bs=10 skip=15 count=10 iflag=skip_bytes,count_bytes
truncate -s 3 a
truncate -s 10 a x
truncate -s 1k x
truncate a
truncate -s x a
truncate -s 5 nosuch/x
truncate -c -s 5 nosuch
mkfifo x
mkfifo a
mkfifo -m 600 x y
mkfifo
mknod x p
mknod a p
mknod x
mknod x q 1 2
mktemp -q foo
mktemp foo
mktemp a b
unlink a
unlink nosuch
unlink d
unlink
tar
tar -c
tar cf x.tar d a
tar cvf x.tar d/sub
tar cf x.tar nosuch
tar cf x.tar d nosuch
tar czf x.tgz d
tar tf nosuch
tar xf a
tar cf x.tar
tar -Q
tar -x -t
tar xf b.txt -C nosuch
gzip a
gzip -k a
gzip nosuch
gzip -c nosuch
gunzip a
gunzip nosuch
gunzip d
zcat a
zcat nosuch
gzip -d a
gzip -t a
gzip -z
tee x
tee -a a
tee nosuch/x
tee -z
tee x y
tee
xargs
xargs echo x
xargs -n1
xargs -n 2 echo -
xargs -0 -n1 echo
xargs -r echo
xargs -I {} echo {}-{}
xargs -t echo
xargs -n0 echo
xargs -nx
xargs -n
xargs nosuchcmd
xargs false
xargs -a a echo
xargs -a nosuch echo
xargs -E line2 echo
seq
seq 3
seq 1 2 6
seq 3 1
seq 3 -1 1
seq -w 8 10
seq -s , 3
seq 1 .5 2
seq x
seq 0.1 0.3
seq 1 2 3 4
seq -w 1 .5 3
seq 1e1
seq 9999998 10000001
seq -w -1 1
seq 0
seq -s : 1 1
seq 1 1 0
seq 1 3 10
expr 1 + 2
expr 1 / 0
expr a : b
expr abc : a\\(.\\)c
expr abc : a.
expr abc : .*
expr length abc
expr substr abcd 2 2
expr substr abcd 0 2
expr index abc c
expr index abc z
expr 1 +
expr
expr ( 1 )
expr ( 1
expr 1 = 1
expr a < b
expr 10 > 9
expr a = b
expr 0 | 5
expr 0 & 1
expr 1 & 2
expr x * 2
expr 5 % 3
expr -5 / 2
expr -5 % 3
expr match abc ab
expr quote match
expr + 3
expr 1 2
expr 2 * 3 + 4
expr 2 + 3 * 4
expr ( 2 + 3 ) * 4
expr 9223372036854775807 + 1
expr 1 != 2
expr 1 >= 2
expr abc : \\(b
expr 3 - 5
factor 12 97
factor x
factor 0 1
factor 18446744073709551615
factor 9999999967
factor 1000000016000000063
getopt
getopt ab:c -a -b x y
getopt ab:c -bx -ca y
getopt -o ab: -l long:,foo -- -a --long x --foo y -b z
getopt -o a -- -z
getopt -o a -n prog -- -z
getopt -T
getopt -u -o ab: -- -b x y
getopt -o a -l foo -- --bar
getopt a: -a
getopt -o a:: -- -a -afoo
getopt -o +a -- x -a
getopt -q -o a -- -z
getopt -o a -l foo:: -- --foo=1 --foo x
getopt -o a -l foo -- --fo
getopt -o a -- x'y
run-parts
run-parts nosuch
run-parts --test d
md5sum a
md5sum a nosuch b.txt
md5sum
md5sum -
md5sum -c sums
md5sum -c nosuch
md5sum -sc sums
md5sum -x
md5sum d
md5sum -s a
sha1sum a
sha256sum a empty
sha512sum a
base64
base64 a
base64 -w 5 b.txt
base64 -w 0 a
base64 -d a
base64 nosuch
base64 -w x
base64 a b.txt
base64 -z
hexdump
hexdump a
hexdump -C
hexdump -C a b.txt
hexdump -b
hexdump -c
hexdump -d
hexdump -o
hexdump -x
hexdump -v
hexdump -n 3 -C
hexdump -s 3 -C a
hexdump -s 2 -n 3 a
hexdump nosuch
hexdump -C empty
od
od a
od -c
od -x
od -b
od -a a
od -An -tx1
od -t x1
od -t x1 -t c a
od -Ax -tx4 a
od -N 3 -tx1
od -j 3 -tx1
od -tu4
od -td2
od -td1
od -to1 a
od -td8 b.txt
od nosuch
od -An -N4 -tu4
od -v b.txt
od -s a
od -i a
od -d a
od -Ad a
od -tz a
xxd
xxd a
xxd -p
xxd -g1
xxd -g0
xxd -g4
xxd -c 4
xxd -l 3
xxd -s 3 a
xxd -i
xxd nosuch
xxd -r -p a
xxd -o 16 a
uname
uname -s
uname x
uname -z
uname -p
uname -m
arch
whoami
whoami x
nproc --ignore=100
nproc --ignore=x
tty
tty -s
tty x
logname x
hostid
hostid x
usleep
usleep x
usleep 1
timeout
timeout 1
timeout x true
timeout 1 nosuchcmd
timeout 5 false
timeout 5 echo hi
timeout -s FOO 1 true
timeout -k x 1 true
timeout 1s true
timeout -x 1 true
timeout 0.1 sleep 2
timeout -s KILL 0.1 sleep 2
timeout -s 2 0.1 sleep 2
setsid
setsid true
setsid nosuchcmd
setsid echo hi
time
time true
time -p false
time nosuchcmd
kill
kill x
kill -l 9
kill -l TERM
kill -l x
kill -l
kill -s FOO 1
kill -FOO 1
kill 4194305
watch
watch -n
clear
stty
stty -a
stty size
su nosuchuser
chroot
chroot nosuch
which nosuchcmd
which
which -z
sysctl
umount
umount nosuch
sync
sync nosuch
test -f a
test -d a
test -e nosuch
test -L link
test -s empty
test a = b
test 1 -lt 2
[ a ]
[ a
test -x run.sh
test -r a -a -w a
test ! -e nosuch
test
test -z
test a b
test a b c
test ! a = a -o b
test ( a )
test ( a
test 1 -eq x
test a -nt b.txt
test b.txt -nt nosuch
test a -ef link
test -h link
test -p a
test -t 0
test -n x -a -z x
test -n x -o -z x
test ! ! a
test !
test = = =
test -f
test -e dangling
test -u a
test 5 -gt 3 -a 3 -gt 5
ps -o foo
top -z
free -x
groups nosuchuser
pidof nosuchname
mount a
dmesg -x
""".strip().splitlines()
