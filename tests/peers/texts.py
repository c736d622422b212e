"""Random text that tokenizers get wrong: mixed scripts, whitespace runs, digits, emoji, control tokens and their fragments,
code, random code points. Every string is a function of the random generator alone."""
import random
import unicodedata

LETTERS = [
    (0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x587), (0x5D0, 0x5EA),
    (0x621, 0x64A), (0x904, 0x939), (0x985, 0x9B9), (0xE01, 0xE3A), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1E00, 0x1EFF),
    (0x3041, 0x3096), (0x30A1, 0x30FA), (0x3105, 0x312F), (0x4E00, 0x9FA5), (0x9FA6, 0x9FFF), (0x3400, 0x34FF),
    (0xAC00, 0xD7A3), (0xFF21, 0xFF5A), (0x10400, 0x1044F), (0x1D400, 0x1D4FF), (0x20000, 0x200FF),
]
DIGITS = [(0x30, 0x39), (0x30, 0x39), (0x660, 0x669), (0x966, 0x96F), (0xFF10, 0xFF19), (0x2160, 0x2188), (0xB2, 0xBE),
          (0x2460, 0x249B), (0x3007, 0x3007), (0x3021, 0x3029), (0x1D7CE, 0x1D7FF)]
MARKS = [(0x300, 0x36F), (0x591, 0x5BD), (0x64B, 0x65F), (0x93E, 0x94D), (0xE31, 0xE4E), (0x20D0, 0x20F0), (0xFE00, 0xFE0F)]
SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
JOINERS = "\u200b\u200c\u200d\u2060\ufeff\xad"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
SYMBOLS = "¡¿«»‹›“”‘’…–—•·※§¶©®™°±×÷¬¦€£¥₿←→↔∀∂∑√∞≠≤≥⊂▁│█■◆★☃♥✓〈〉《》「」【】〜・、。！？：；（）｜￥々〆〇ー"
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇹🇷", "🇯🇵🇫🇷", "1️⃣", "❤️", "☺", "🫠", "🧑🏿‍💻", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🀄", "🜁", "𓀀"]
WORDS = ("the of and to in is that was for it with as his on be at by had not are but from or have an they which one you were "
         "all her she there would their we him been has when who will no more if out so up said what its about than into them "
         "don't I'm we'll they've O'Neill naïve café Straße İstanbul ılık Đường größer señor œuvre привет мир где ответ "
         "γειά σου κόσμε שלום עולם مرحبا بالعالم नमस्ते दुनिया হ্যালো สวัสดีชาวโลก 안녕하세요 세계 こんにちは 世界 カタカナ 你好 世界 "
         "人工智能 深度学习 東京都 龘 鿰 ꙮ").split(" ")
CODE = ["def f(x):\n    return x**2\n", "for (int i = 0; i < n; ++i) {\n\ta[i] += b[i];\n}\n", "#include <vector>\r\n", "x->y::z<T&&>()",
        "if __name__ == '__main__':", "SELECT * FROM t WHERE a >= 10;", "{\"a\": [1, 2.5e-10, null], \"b\": {\"c\": \"\\u00e9\"}}",
        "https://example.org/a/b?c=d&e=%20f#g", "<div class=\"x\">&nbsp;</div>", "$\\frac{1}{2}\\alpha_{i}^{2}$", "git commit -m \"x\"",
        "0x7fffffff", "1,234,567.89", "3.14159265358979", "2026-11-24T12:34:56Z", "192.168.0.1", "~/.config/x.yml", "\\n\\t", "C:\\dir\\f.txt",
        "fn main() -> Result<(), Box<dyn Error>> {", "a=b+c*d-e/f%g", "'''doc'''", "// comment", "/* */", "~~~", "```python\n", "'s 't 're 've 'm 'll 'd"]


class Texts:
    """A stream of random strings. `tokens` are the control tokens whose text (whole or damaged) is mixed in."""

    def __init__(self, rng: random.Random, tokens: list[str]):
        self.rng = rng
        self.tokens = tokens or ["<none>"]
        self.kinds = [
            (self.words, 6), (self.letters, 4), (self.letters_and_marks, 2), (self.spaces, 4), (self.one_space, 4), (self.newlines, 2),
            (self.digits, 3), (self.punctuation, 4), (self.symbols, 2), (self.emoji, 2), (self.code, 3), (self.token, 2), (self.broken_token, 2),
            (self.any_code_points, 2), (self.low_code_points, 2), (self.joiners, 1), (self.repeated, 1),
        ]

    def text(self, longest: int = 14) -> str:
        """Up to `longest` pieces of random kinds, most strings short."""
        pieces = self.rng.randint(1, self.rng.choice((2, 4, longest, longest))) if self.rng.random() < 0.99 else 0
        chosen = self.rng.choices([k for k, _ in self.kinds], [w for _, w in self.kinds], k=pieces)
        text = "".join(kind() for kind in chosen)
        if self.rng.random() < 0.05:
            text = unicodedata.normalize(self.rng.choice(("NFD", "NFC", "NFKC")), text)
        return text

    def one_of(self, ranges: list[tuple[int, int]]) -> str:
        return chr(self.rng.randint(*self.rng.choice(ranges)))

    def words(self) -> str:
        return " ".join(self.rng.choices(WORDS, k=self.rng.randint(1, 5)))

    def letters(self) -> str:
        block = [self.rng.choice(LETTERS)]
        return "".join(self.one_of(block) for _ in range(self.rng.randint(1, 8)))

    def letters_and_marks(self) -> str:
        return "".join(self.one_of(LETTERS if self.rng.random() < 0.6 else MARKS) for _ in range(self.rng.randint(1, 8)))

    def spaces(self) -> str:
        return "".join(self.rng.choice(SPACES if self.rng.random() < 0.4 else " \n\t") for _ in range(self.rng.randint(1, 7)))

    def one_space(self) -> str:
        return " "

    def newlines(self) -> str:
        return "".join(self.rng.choices(("\n", "\r\n", "\r", " ", "\n\n"), k=self.rng.randint(1, 4)))

    def digits(self) -> str:
        ranges = [self.rng.choice(DIGITS)] if self.rng.random() < 0.7 else DIGITS
        return "".join(self.one_of(ranges) for _ in range(self.rng.randint(1, 9)))

    def punctuation(self) -> str:
        return "".join(self.rng.choices(PUNCTUATION, k=self.rng.randint(1, 5)))

    def symbols(self) -> str:
        return "".join(self.rng.choices(SYMBOLS, k=self.rng.randint(1, 4)))

    def emoji(self) -> str:
        return "".join(self.rng.choices(EMOJI, k=self.rng.randint(1, 3)))

    def code(self) -> str:
        return self.rng.choice(CODE)

    def token(self) -> str:
        return self.rng.choice(self.tokens)

    def broken_token(self) -> str:
        token = self.rng.choice(self.tokens)
        cut = self.rng.randrange(len(token))
        return self.rng.choice((token[:cut], token[cut:], token[:cut] + token[cut + 1:], token[:cut] + " " + token[cut:],
                                token.replace("｜", "|"), token.swapcase(), token[:cut] + token))

    def any_code_points(self) -> str:
        return "".join(code_point(self.rng.randrange(0x110000)) for _ in range(self.rng.randint(1, 6)))

    def low_code_points(self) -> str:
        return "".join(code_point(self.rng.randrange(self.rng.choice((0x80, 0x800, 0x10000)))) for _ in range(self.rng.randint(1, 6)))

    def joiners(self) -> str:
        return "".join(self.rng.choices(JOINERS, k=self.rng.randint(1, 3)))

    def repeated(self) -> str:
        unit = self.rng.choice(("a", " ", "\n", "7", "=", "ha", "的", "\t ", "́", "😀", "�", "\x00", "-|"))
        return unit * self.rng.choice((2, 3, 5, 17, 64, 200))


def code_point(value: int) -> str:
    return "�" if 0xD800 <= value < 0xE000 else chr(value)
