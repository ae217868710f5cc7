"""The text tools next to a real busybox: output, complaints and statuses are the same."""

import shlex
from pathlib import Path

import pytest

from tests.core.tools.text_bench import Bench, real, without_usage
from tests.requirements import busybox

FILES = {
    "abc": b"a\nb\nc\n",
    "words": b"foo bar\nbar\n\nfoobar foo\n  two  blanks\nFoo\tTab\nlast one",
    "numbers": b"10\n9\n-3\n2.5\n1e2\nx\n\n9\n007\n",
    "table": b"3:c:x\n1:a:y\n2:b:x\n1:b:z\nnone\n:::\n",
    "dup": b"a\na\nA\nb\nb c\nb c\nb d\n\n\n",
    "long": b"".join(b"%d\n" % each for each in range(1, 41)),
    "longer": b"".join(b"%d\n" % each for each in range(2, 45) if each not in {9, 20, 30}),
    "empty": b"",
    "binary": b"\x00\x01abc\xff\xfehello world\x00xy\nlong enough\n\x7f",
    "versions": b"v1.10\nv1.9\nv1.9.1\nv2\nv10\n1.0\nfile12\nfile2\n",
    "months": b"Mar 3\nJan 1\nxyz\nfeb 2\nDec 31\n",
    "patterns": b"bar\ntwo\n",
    "dir/one": b"foo in one\nbar\n",
    "dir/sub/two": b"foo in two\n",
}

CASES = """
grep foo words
grep -i foo words
grep -v foo words
grep -c foo words abc
grep -n foo words
grep -nH foo words
grep -h foo words dir/one
grep foo words dir/one
grep -l foo words abc dir/one
grep -L foo words abc dir/one
grep -L foo words
grep -q foo words
grep -q foo abc
grep -q foo nope words
grep foo nope words
grep -s foo nope words
grep foo dir
grep -r foo dir
grep -rl foo dir abc
grep -rh foo dir
grep -o 'fo*' words
grep -on '[a-z]*' words
grep -w foo words
grep -wo bar words
grep -x bar words
grep -F . words
grep -Fx bar words
grep -Fw foo words
grep -Fi FOO words
grep -E 'foo|two' words
grep -E '^(foo|bar)$' words
grep -E 'o{2}' words
grep -E 'a+b?' words
grep -E '(o)\\1' words
grep '\\(o\\)\\1' words
grep '^$' words
grep -c '' words
grep '' empty
grep 'fo\\+' words
grep 'foo\\|two' words
grep '\\bfoo\\b' words
grep '\\<b' words
grep 'r\\>' words
grep '[[:upper:]]' words
grep '[[:space:]][[:alpha:]]*$' words
grep '[^a-z]' words
grep '[]b]' words
grep 'a*' abc
grep '*' words
grep '\\.' numbers
grep -e foo -e two words
grep -f patterns words
grep -f nope words
grep -f empty words
grep -A1 two words
grep -B1 two words
grep -C1 two words
grep -n -A1 -B1 foo words
grep -nC1 -e bar -e last words
grep -m1 foo words
grep -m1 -A1 foo words
grep -c -m1 foo words
grep -m1 -A2 foo words
grep -m2 -C1 b dup
grep -vm1 -A2 foo words
grep -C1 b abc dup
grep -A1 c abc words dup
grep -m x foo words
grep -A -1 foo words
grep '[' words
grep -E '(' words
grep -E 'a)' words
grep -E '*f' words
grep -y foo words
grep
grep -e
egrep 'a|b' abc
fgrep a.c words
grep -z b words
grep -- -3 numbers
grep -vc . words
grep -vo foo words
head abc
head -n 2 abc
head -2 abc
head -n -1 abc
head -c 3 abc
head -c -3 abc
head -n 1 abc words
head -qn 1 abc words
head -vn 1 abc
head -n 1 nope abc
head -n 1k abc
head -n x abc
head -n 0 abc
head -c 1b long
head dir abc
head -n 1 - abc
tail abc
tail -n 2 abc
tail -2 abc
tail +2 abc
tail -n +2 abc
tail -n +0 abc
tail -c 3 abc
tail -c +3 abc
tail -n 1 abc words
tail -qn 1 abc words
tail -vn1 abc
tail nope abc
tail -n x abc
tail -n 0 abc
tail -c 0 abc
tail dir abc
tail long
tail -n 3
wc
wc words
wc -l words
wc -w words
wc -c words
wc -m words
wc -L words
wc -lw words
wc abc words
wc -l abc words
wc -L abc words
wc nope abc
wc dir abc
wc - abc
wc binary
wc -x
cut -c 1-3 words
cut -c 2 words
cut -c 3,1 words
cut -b -2 words
cut -b 5- words
cut -d : -f 2 table
cut -d: -f1,3 table
cut -d: -f2- table
cut -d: -f-2 table
cut -s -d: -f1 table
cut -d: -f3,1 -D table
cut -d: -f1,2 -O / table
cut -d ' ' -f 1 nope words
cut -f1 words
cut words
cut -f x words
cut -c1 -f1 words
cut -c1 -d: words
cut -sc1 words
cut -c 3-1 words
cut -f 1 dir abc
tr a-z A-Z
tr -d '\\n'
tr -s ' o'
tr -c a-z '\\n'
tr -cd '[:alpha:]'
tr '[:lower:]' '[:upper:]'
tr -s '[:space:]' ' '
tr abc x
tr a-c xy
tr -d a-f
tr '\\142' X
tr -ds o f
tr a ''
tr
tr -d
tr a
tr '[=a=]' x
tr '[a-c]' '[x-z]'
sort words
sort -r words
sort -n numbers
sort -nr numbers
sort -g numbers
sort -u dup
sort -f dup
sort -fu dup
sort -t: -k2 table
sort -t: -k2,2 -k1n table
sort -t: -k1,1nr table
sort -t : -k 3,3 -k 1,1 table
sort -k2 words
sort -k 1.2 words
sort -b words
sort -d words
sort -M months
sort -V versions
sort -c abc
sort -c words
sort -cu dup
sort -s -t: -k1,1 table
sort -s -t: -k3,3r table
sort -sr -k2 words
sort -su -t: -k1,1 table
sort nope abc
sort -k x abc
sort -k 0 abc
sort -t ab abc
sort abc table
sort -z abc
sort -u -t: -k1,1 table
sort dir
uniq dup
uniq -c dup
uniq -d dup
uniq -u dup
uniq -i dup
uniq -ci dup
uniq -f 1 dup
uniq -s 1 dup
uniq -w 1 -c dup
uniq nope
uniq -f x dup
uniq dir
rev words
rev nope abc
tac words
tac abc words
tac nope abc
tac dir
nl words
nl -ba words
nl -bn words
nl -w 3 -s ': ' words
nl -v 5 -i 5 words
nl nope
paste abc words
paste -d , abc words
paste -s abc
paste -s -d ',;' words abc
paste -d , - -
paste abc abc abc
paste nope abc
fold -w 5 words
fold -sw 8 words
fold -bw 3 words
fold -w x words
fold -5 words
fold nope
expand words
expand -t 4 words
expand -i words
expand dir
unexpand words
unexpand -a words
unexpand -t 2 words
strings binary
strings -n 2 binary
strings -o binary
strings -t x binary
strings -f binary
strings nope
strings -n x binary
cmp abc words
cmp abc abc
cmp -s abc words
cmp -l abc words
cmp abc empty
cmp abc nope
cmp abc dir
cmp -n 2 abc abc
cmp
diff abc abc
diff abc words
diff -u long longer
diff -U 1 long longer
diff -U0 long longer
diff long longer
diff -q abc words
diff -s abc abc
diff abc empty
diff empty abc
diff abc nope
diff -L one -L two abc words
diff -i dup words
diff -w words abc
diff -b words dup
diff -r dir dir/sub
diff abc
diff - abc
printf 'a%sb\\n' x
printf '%d %5d %-5d| %05d\\n' 1 2 3 4
printf '%s\\n' a b c
printf '%x %X %o %u\\n' 255 255 8 7
printf '%d\\n' abc
printf '%d\\n' 12x
printf '%d\\n' 0x1f
printf "%d\\n" "'a"
printf '%c%c\\n' abc def
printf '%5.2f|%e\\n' 3.14159 1
printf '%b' 'a\\tb\\n'
printf '%b' 'a\\cb' c
printf '%%\\n'
printf '%q\\n' 1
printf
printf '\\101\\x41\\n'
printf '%s %s\\n' a
printf '%*d\\n' 5 3
printf '%.2s|\\n' abc
printf 'no newline'
printf '%i\\n' -5
printf '%u\\n' -1
"""

SED_CASES = """
p abc
-n p abc
-n 2p abc
-n '$p' abc
-n '$p' abc words
-n '2,3p' abc
-n '/foo/p' words
-n '/foo/,/two/p' words
-n '/b/,+1p' abc
-n '/x/,$p' abc
-n '2!p' abc
'2d' abc
'/foo/!d' words
's/o/0/' words
's/o/0/g' words
's/o/0/2' words
's/o/0/2g' words
's/foo/[&]/' words
's/\\(f\\)\\(o\\)/\\2\\1/' words
-E 's/(f)(o)/\\2\\1/' words
-r 's/(o+|a)/<\\1>/g' words
's/FOO/x/I' words
's/foo/x/i' words
-n 's/foo/x/p' words
's|a|b|' abc
's,a,x\\,y,' abc
's/a/x\\ny/' abc
's/b*/x/g' abc
's/x*/-/g' words
's/^/> /' abc
's/$/!/' abc
's/a/\\t/' abc
'y/abc/xyz/' abc
'=' abc
-n '$=' long
'2i\\' abc
'2i text' abc
'2a text' abc
'2c text' abc
'2,3c text' abc
'$a end' words
'1i\\  text' abc
'a\\\\\\nb' abc
'2q' abc
'n;d' long
'N;s/\\n/-/' abc
'N;P;D' long
'$!N;P;D' abc
'G' abc
'G' words
'x;G' words
'1,3n;n;p' long
'2,/3/n;n;p' long
-n '2,3{n;n};p' long
'1,2a foo' abc
'1,2i foo' abc
'x' abc
'1!G;h;$!d' abc
'H;$!d;x;s/\\n/,/g' abc
':a;N;$!ba;s/\\n/ /g' words
':a;s/o/0/;ta' words
's/a/x/;T;s/x/y/' abc
'/a/b;s/$/!/' abc
'/a/bend;s/$/!/;:end' abc
'/b/{s/b/B/;p}' abc
'/b/{
s/b/B/
p
}' abc
-e p -e 's/a/x/' abc
'r patterns' abc
'2r nope' abc
'# comment' abc
'#n
p' abc
's/a/b/;# comment
s/b/c/' abc
'0,/foo/d' words
'2,1p' abc
'/a/,1p' abc
'2,4d' long
'/2/,/4/s/^/-/' long
p nope abc
p dir abc
k abc
's/a' abc
's/a/b/k' abc
'bfoo' abc
'{p' abc
'}' abc
's/\\(/x/' abc
's/a/\\1/' abc
'y/ab/c/' abc
'y/a/bc/' abc
':' abc
'r' abc
'a' abc
'pp' abc
'1,p' abc
''
'$!d' abc words
'$d' words
's/[/]/x/' abc
's/a\\|b/x/' abc
's/[[:space:]]*$//' words
's/.*/"&"/' words
's/\\n/x/' abc
's/\\./,/' numbers
-n '/^$/!p' words
's/a/x/w /dev/stdout' abc
'1d;n;d' abc
'$!{h;d};x' abc
'/two/{n;d}' words
'1{/a/d}' abc
'1!{s/b/x/}' abc
'\\,b,d' abc
"""


def _lines(text: str) -> list[str]:
    return [each for each in text.strip("\n").split("\n") if each]


def _sed_cases() -> list[str]:
    """A case whose quotes go on takes the next line too."""
    cases: list[str] = []
    for line in _lines(SED_CASES):
        if cases and cases[-1].count("'") % 2:
            cases[-1] += f"\n{line}"
        else:
            cases.append(line)
    return [f"sed {each}" for each in cases]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    busybox()
    path = tmp_path_factory.mktemp("text")
    for name, content in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("line", [*_lines(CASES), *_sed_cases()])
def test_a_command_line_does_what_busybox_does(directory: Path, line: str) -> None:
    argv = shlex.split(line)
    stdin = FILES["words"]
    expected = without_usage(real(directory, argv, stdin))
    assert without_usage(Bench(FILES).run(argv, stdin)) == expected
