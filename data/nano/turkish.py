"""Turkish words: nouns with plural, possessive and case; verbs with tense, negation and person; numbers.

Rules, in the order in which they apply: vowel drop (burun -> burnu), softening (kitap -> kitabı), buffer letters
(kedi -> kediyi, arabası -> arabasını), vowel harmony, d -> t after a voiceless consonant. What the rules cannot know
stands in the lists below. Proper names keep their spelling and take an apostrophe. Tested by ../test_turkish.py.
"""

VOWELS = "aıoueiöü"
BACK = "aıou"
ROUND = "ouöü"
VOICELESS = "fstkçşhp"

# Words whose last vowel is back but whose suffixes are front.
FRONT = {"saat", "rol", "festival", "alkol", "kontrol", "dikkat", "kabul", "hal", "ihtimal", "sembol", "futbol", "seyahat",
         "kalp", "petrol", "normal", "sürat", "harf", "meşgul"}
# One syllable, and the end softens all the same; words in t that soften.
SOFT = {"kap", "dip", "cep", "uç", "taç", "gök", "renk", "kurt", "yurt", "dört", "kalp", "genç", "borç", "güç", "ağaç", "kanat",
        "kağıt", "yoğurt", "bulut", "umut", "armut", "tat", "kanıt", "söğüt", "ahenk", "denk", "cilt", "yiğit", "dert"}
# More than one syllable and yet hard.
HARD = {"ahlak", "hukuk", "ittifak"}
DROP = {"burun": "burn", "ağız": "ağz", "alın": "aln", "isim": "ism", "resim": "resm", "şehir": "şehr", "akıl": "akl",
        "fikir": "fikr", "oğul": "oğl", "omuz": "omz", "gönül": "gönl", "karın": "karn", "vakit": "vakt", "izin": "izn",
        "nehir": "nehr", "boyun": "boyn", "beyin": "beyn", "metin": "metn", "şekil": "şekl", "nesil": "nesl", "göğüs": "göğs"}
SOFTER = {"p": "b", "ç": "c", "t": "d", "k": "ğ"}


def last_vowel(word):
    for letter in reversed(word.lower().replace("â", "a").replace("î", "i").replace("û", "u")):
        if letter in VOWELS:
            return letter
    return "e"


def is_back(word):
    return word.lower() not in FRONT and last_vowel(word) in BACK


def two(word):
    """A or e: the vowel of -lAr, -DA."""
    return "a" if is_back(word) else "e"


def four(word):
    """The vowel of -I: ı, i, u or ü."""
    rounded = last_vowel(word) in ROUND
    return ("u" if rounded else "ı") if is_back(word) else ("ü" if rounded else "i")


def dee(word):
    return "t" if word[-1].lower() in VOICELESS else "d"


def ends_in_vowel(word):
    return word[-1].lower() in VOWELS + "âîû"


def syllables(word):
    return sum(letter in VOWELS for letter in word.lower())


def before_vowel(word):
    """The stem as it stands before a suffix that begins with a vowel."""
    if word in DROP:
        return DROP[word]
    end = word[-1]
    if end not in SOFTER or word in HARD:
        return word
    if word in SOFT or (syllables(word) > 1 and end != "t"):
        if word.endswith("nk"):
            return word[:-1] + "g"
        return word[:-1] + SOFTER[end]
    return word


POSSESSIVES = ("p1s", "p2s", "p3s", "p1p", "p2p")


def noun(word, *suffixes, proper=False):
    """noun("ev", "pl", "p1s", "loc") -> evlerimde. Suffixes: pl; p1s p2s p3s p1p p2p; acc dat loc abl gen ins;
    with (-lI), without (-sIz), er (-cI), ness (-lIk)."""
    out = word
    mark = "'" if proper else ""
    after_p3s = False
    for suffix in suffixes:
        harmony = out
        stem = out if proper and out == word else before_vowel(out)
        vowel = ends_in_vowel(out)
        i, a, d = four(harmony), two(harmony), dee(out)
        if suffix == "pl":
            out = out + mark + "l" + a + "r"
        elif suffix in POSSESSIVES:
            if out == "su":
                out, vowel, stem = "suy", False, "suy"
                i = "u"
            if suffix == "p3s":
                out = out + mark + "s" + i if vowel else stem + mark + i
            else:
                ending = {"p1s": "m", "p2s": "n", "p1p": "m" + i + "z", "p2p": "n" + i + "z"}[suffix]
                out = out + mark + ending if vowel else stem + mark + i + ending
        elif suffix in ("acc", "dat", "gen"):
            end = {"acc": i, "dat": a, "gen": i + "n"}[suffix]
            if after_p3s:
                out += "n" + end
            elif vowel:
                buffer = "n" if suffix == "gen" and out != "su" else "y"
                out = out + mark + buffer + end
            else:
                out = stem + mark + end
        elif suffix in ("loc", "abl"):
            end = a + ("n" if suffix == "abl" else "")
            out = out + ("nd" + end if after_p3s else mark + d + end)
        elif suffix == "ins":
            out = out + mark + ("y" if vowel else "") + "l" + a
        elif suffix == "with":
            out = out + mark + "l" + i
        elif suffix == "without":
            out = out + mark + "s" + i + "z"
        elif suffix == "er":
            out = out + ("ç" if d == "t" else "c") + i
        elif suffix == "ness":
            out = out + "l" + i + "k"
        else:
            raise ValueError(suffix)
        after_p3s = suffix == "p3s"
        mark = ""
    return out


def name(word, *suffixes):
    """A proper name: name("Bursa", "loc") -> Bursa'da."""
    return noun(word, *suffixes, proper=True)


# Verb stems whose t softens before a vowel.
SOFT_VERBS = {"git", "et", "tat", "güt", "seyret", "yardım et", "teşekkür et", "devam et", "fark et", "hayal et", "affet", "kaydet"}
# One syllable with -Ir in the aorist.
AORIST_IR = {"al", "bil", "bul", "dur", "gel", "gör", "kal", "ol", "öl", "san", "var", "ver", "vur"}
PERSONS = {"1s": 0, "2s": 1, "3s": 2, "1p": 3, "2p": 4, "3p": 5}


def verb_before_vowel(stem):
    return stem[:-1] + "d" if stem in SOFT_VERBS else stem


def copula(word, person):
    """Person endings of -yor, -AcAk, -r, -mIş and of nouns: im, sin, -, iz, siniz, ler."""
    i = four(word)
    buffer = "y" if ends_in_vowel(word) else ""
    base = word
    if person in ("1s", "1p") and word.endswith("k"):
        base = word[:-1] + "ğ"
    return {"1s": base + buffer + i + "m", "2s": word + "s" + i + "n", "3s": word, "1p": base + buffer + i + "z",
            "2p": word + "s" + i + "n" + i + "z", "3p": word + "l" + two(word) + "r"}[person]


def negative(stem):
    return stem + "m" + two(stem)


def present(stem, person="3s", neg=False):
    """-Iyor: geliyorum, bekliyor, gitmiyor."""
    if neg:
        base = stem + "m" + four(stem)
    elif stem in ("ye", "de"):
        base = stem[0] + "i"
    elif ends_in_vowel(stem):
        base = stem[:-1] + four(stem[:-1]) if stem[-1] in "ae" else stem
    else:
        base = verb_before_vowel(stem) + four(stem)
    return copula(base + "yor", person)


def past(stem, person="3s", neg=False):
    """-DI: geldim, gitti, okumadık."""
    if neg:
        stem = negative(stem)
    i = four(stem)
    base = stem + dee(stem) + i
    return base + ("m", "n", "", "k", "n" + i + "z", "l" + two(base) + "r")[PERSONS[person]]


def future(stem, person="3s", neg=False):
    """-AcAk: geleceğim, yiyecek, gitmeyecek."""
    if neg:
        stem = negative(stem)
    if stem in ("ye", "de"):
        stem = stem[0] + "i"
        base = stem + "yecek"
    elif ends_in_vowel(stem):
        base = stem + "y" + two(stem) + "c" + two(stem) + "k"
    else:
        base = verb_before_vowel(stem) + two(stem) + "c" + two(stem) + "k"
    return copula(base, person)


def aorist(stem, person="3s", neg=False):
    """-Ar, -Ir, -r: gelir, yapar, okur; negative gelmez, gelmem, gelmeyiz."""
    if neg:
        base = negative(stem)
        if person == "1s":
            return base + "m"
        if person == "1p":
            return base + "y" + four(base) + "z"
        return copula(base + "z", person)
    if ends_in_vowel(stem):
        base = stem + "r"
    elif stem in AORIST_IR or syllables(stem.split()[-1]) > 1:
        base = verb_before_vowel(stem) + four(stem) + "r"
    else:
        base = verb_before_vowel(stem) + two(stem) + "r"
    return copula(base, person)


def able(stem):
    """The stem of can: gelebil, okuyabil."""
    base = stem + "y" if ends_in_vowel(stem) else verb_before_vowel(stem)
    if stem in ("ye", "de"):
        base = stem[0] + "iy"
    return base + two(stem) + "bil"


def unable(stem):
    """The stem of cannot, without its tense: geleme, okuyama."""
    base = stem + "y" if ends_in_vowel(stem) else verb_before_vowel(stem)
    if stem in ("ye", "de"):
        base = stem[0] + "iy"
    return base + two(stem) + "m" + two(stem)


def must(stem, person="3s"):
    return copula(stem + "m" + two(stem) + "l" + ("ı" if is_back(stem) else "i"), person)


def infinitive(stem):
    return stem + "m" + two(stem) + "k"


def doing(stem):
    """The noun -mA: yüzme, okuma."""
    return stem + "m" + two(stem)


def that_does(stem):
    """-An: gelen, okuyan."""
    return (stem + "y" if ends_in_vowel(stem) else verb_before_vowel(stem)) + two(stem) + "n"


def having_done(stem):
    """-Ip: gelip, okuyup."""
    return (stem + "y" if ends_in_vowel(stem) else verb_before_vowel(stem)) + four(stem) + "p"


def by_doing(stem):
    """-ArAk: gelerek, okuyarak."""
    a = two(stem)
    return (stem + "y" if ends_in_vowel(stem) else verb_before_vowel(stem)) + a + "r" + a + "k"


def lets(stem):
    """-AlIm: gidelim, okuyalım."""
    a = two(stem)
    return (stem + "y" if ends_in_vowel(stem) else verb_before_vowel(stem)) + a + "l" + ("ı" if a == "a" else "i") + "m"


def if_does(stem, person="3s"):
    """-sA: gelse."""
    a = two(stem)
    base = stem + "s" + a
    return base + ("m", "n", "", "k", "n" + four(base) + "z", "l" + a + "r")[PERSONS[person]]


def question(word):
    """The particle that follows: mı, mi, mu, mü."""
    return "m" + four(word)


def too(word):
    """da or de, a word of its own."""
    return "da" if is_back(word) else "de"


def was(word):
    """-(y)DI on nouns and adjectives: güzeldi, arabaydı."""
    i = four(word)
    return word + ("yd" if ends_in_vowel(word) else dee(word)) + i


ONES = ["sıfır", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"]
TENS = ["", "on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan"]


def number_words(n):
    if n < 0:
        return "eksi " + number_words(-n)
    if n < 10:
        return ONES[n]
    if n < 100:
        return (TENS[n // 10] + (" " + ONES[n % 10] if n % 10 else "")).strip()
    if n < 1000:
        head = "yüz" if n // 100 == 1 else ONES[n // 100] + " yüz"
        return head + (" " + number_words(n % 100) if n % 100 else "")
    head = "bin" if n // 1000 == 1 else number_words(n // 1000) + " bin"
    return head + (" " + number_words(n % 1000) if n % 1000 else "")


def number(n, *suffixes):
    """Digits with a suffix: number(3, "loc") -> 3'te, number(20, "dat") -> 20'ye."""
    word = number_words(abs(n)).split()[-1]
    with_suffix = noun(word, *suffixes)
    stem = before_vowel(word)
    common = word if with_suffix.startswith(word) else stem
    return f"{n}'{with_suffix[len(common):]}"


def clock(hour, minute, *suffixes):
    """14:30 with a suffix read off the last number: 14:30'da."""
    last = minute if minute else hour
    return f"{hour:02d}:{minute:02d}'" + number(last, *suffixes).split("'")[1]


def upper_first(text):
    if not text:
        return text
    first = {"i": "İ", "ı": "I"}.get(text[0], text[0].upper())
    return first + text[1:]


def lower_first(text):
    first = {"İ": "i", "I": "ı"}.get(text[0], text[0].lower())
    return first + text[1:]
