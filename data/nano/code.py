"""Simple code: small Python functions, what a short program prints, shell commands; asked and explained in both languages."""
from . import world as w
from .core import assistant, is_held, user
from .world import t

# (function names, parameter names, body, English wish, Turkish wish, English note, Turkish note)
FUNCTIONS = [
    (["add", "plus", "sum_of_two"], ["a, b", "x, y", "first, second"], "return {0} + {1}", "adds two numbers", "iki sayıyı toplayan", "It returns the sum.", "Toplamı döndürür."),
    (["subtract", "minus", "difference"], ["a, b", "x, y"], "return {0} - {1}", "subtracts two numbers", "iki sayıyı çıkaran", "It returns the difference.", "Farkı döndürür."),
    (["multiply", "times", "product"], ["a, b", "x, y"], "return {0} * {1}", "multiplies two numbers", "iki sayıyı çarpan", "It returns the product.", "Çarpımı döndürür."),
    (["square", "squared"], ["n", "x", "number"], "return {0} * {0}", "squares a number", "bir sayının karesini alan", "It multiplies the number by itself.", "Sayıyı kendisiyle çarpar."),
    (["is_even", "even"], ["n", "x", "number"], "return {0} % 2 == 0", "tells whether a number is even", "bir sayının çift olup olmadığını söyleyen", "The rest of a division by 2 is 0 for even numbers.", "Çift sayılarda 2'ye bölümden kalan 0'dır."),
    (["is_odd", "odd"], ["n", "x", "number"], "return {0} % 2 == 1", "tells whether a number is odd", "bir sayının tek olup olmadığını söyleyen", "The rest of a division by 2 is 1 for odd numbers.", "Tek sayılarda 2'ye bölümden kalan 1'dir."),
    (["total", "sum_list", "add_all"], ["numbers", "values", "items"], "result = 0\nfor n in {0}:\n    result += n\nreturn result", "sums a list", "bir listeyi toplayan", "It goes through the list and adds each number.", "Listeyi gezer ve her sayıyı ekler."),
    (["largest", "biggest", "maximum"], ["numbers", "values", "items"], "best = {0}[0]\nfor n in {0}:\n    if n > best:\n        best = n\nreturn best", "finds the largest number of a list", "bir listedeki en büyük sayıyı bulan", "It keeps the largest number seen so far.", "O ana kadarki en büyük sayıyı tutar."),
    (["smallest", "minimum", "lowest"], ["numbers", "values", "items"], "best = {0}[0]\nfor n in {0}:\n    if n < best:\n        best = n\nreturn best", "finds the smallest number of a list", "bir listedeki en küçük sayıyı bulan", "It keeps the smallest number seen so far.", "O ana kadarki en küçük sayıyı tutar."),
    (["reverse", "backwards", "reversed_text"], ["text", "word", "s"], "return {0}[::-1]", "reverses a text", "bir metni ters çeviren", "The slice [::-1] walks backwards.", "[::-1] dilimi geriye doğru yürür."),
    (["is_palindrome", "palindrome"], ["text", "word", "s"], "return {0} == {0}[::-1]", "checks for a palindrome", "palindrom denetleyen", "A palindrome reads the same in both directions.", "Palindrom iki yönden de aynı okunur."),
    (["count_vowels", "vowels"], ["text", "word", "s"], "return sum(c in \"aeiou\" for c in {0}.lower())", "counts the vowels of a text", "bir metindeki ünlüleri sayan", "It counts the letters that are vowels.", "Ünlü olan harfleri sayar."),
    (["factorial", "fact"], ["n", "x"], "result = 1\nfor i in range(2, {0} + 1):\n    result *= i\nreturn result", "computes the factorial", "faktöriyel hesaplayan", "It multiplies all numbers up to n.", "n'ye kadar olan sayıları çarpar."),
    (["greet", "hello", "say_hello"], ["name", "person", "who"], "print(\"Hello, \" + {0} + \"!\")", "greets a person", "bir kişiyi selamlayan", "It prints Hello and the name.", "Hello ve adı yazar."),
    (["average", "mean"], ["numbers", "values"], "return sum({0}) / len({0})", "computes the average of a list", "bir listenin ortalamasını alan", "The sum divided by the count.", "Toplam bölü adet."),
    (["to_fahrenheit", "fahrenheit"], ["celsius", "c", "degrees"], "return {0} * 9 / 5 + 32", "turns Celsius into Fahrenheit", "Celsius'u Fahrenheit'a çeviren", "Times 9, divided by 5, plus 32.", "9 ile çarpar, 5'e böler, 32 ekler."),
    (["count_words", "words"], ["text", "sentence"], "return len({0}.split())", "counts the words of a text", "bir metindeki kelimeleri sayan", "split() cuts the text at spaces.", "split() metni boşluklardan böler."),
    (["first_letter", "initial"], ["text", "word"], "return {0}[0]", "returns the first letter of a word", "bir kelimenin ilk harfini veren", "Index 0 is the first letter.", "0 numaralı yer ilk harftir."),
    (["double", "twice"], ["n", "x", "number"], "return 2 * {0}", "doubles a number", "bir sayıyı ikiye katlayan", "It returns twice the number.", "Sayının iki katını döndürür."),
    (["countdown", "count_down"], ["n", "start"], "while {0} > 0:\n    print({0})\n    {0} -= 1", "counts down to 1", "1'e kadar geri sayan", "The loop ends when the number reaches 0.", "Sayı 0 olunca döngü biter."),
    (["is_leap", "leap_year"], ["year", "y"], "return {0} % 4 == 0 and ({0} % 100 != 0 or {0} % 400 == 0)", "tells whether a year is a leap year", "bir yılın artık yıl olup olmadığını söyleyen", "Every fourth year, but not the full hundreds unless 400 divides them.", "Her dördüncü yıl; yüzyıllar yalnızca 400'e bölünürse."),
    (["unique", "without_doubles"], ["items", "values"], "seen = []\nfor x in {0}:\n    if x not in seen:\n        seen.append(x)\nreturn seen", "removes doubles from a list", "bir listeden tekrarları silen", "It keeps each value once, in order.", "Her değeri bir kez, sırayla tutar."),
    (["absolute", "distance_from_zero"], ["n", "x"], "if {0} < 0:\n    return -{0}\nreturn {0}", "returns the absolute value", "mutlak değer alan", "Negative numbers change their sign.", "Negatif sayıların işareti değişir."),
    (["longest", "longest_word"], ["words", "items"], "return max({0}, key=len)", "finds the longest word of a list", "bir listedeki en uzun kelimeyi bulan", "max with key=len compares the lengths.", "key=len ile max uzunlukları karşılaştırır."),
]
ASK = {"en": ["Write a Python function that {x}.", "I need a function that {x}.", "Python: a function that {x}, please.", "Can you write code that {x}?", "How do I write a function that {x}?", "Show me Python code that {x}.", "Give me a small function that {x}.", "Code that {x}?",
              "Please program something that {x}.", "Help me with a function that {x}.", "def for something that {x}"],
       "tr": ["{X} bir Python fonksiyonu yaz.", "{X} bir fonksiyon lazım.", "Python: {x} bir fonksiyon lütfen.", "{X} kod yazar mısın?", "{X} fonksiyonu nasıl yazarım?", "Bana {x} Python kodu göster.", "{X} küçük bir fonksiyon ver.", "{X} kod?", "Lütfen {x} bir şey programla.",
              "{X} bir fonksiyon için yardım et.", "{X} def"]}
INTRO = {"en": ["", "", "Here it is:\n", "Like this:\n", "Sure:\n"], "tr": ["", "", "İşte:\n", "Şöyle:\n", "Tabii:\n"]}
SHELL = [(["list the files", "see what is in this folder", "show all files here"], ["dosyaları listelemek", "bu klasörde ne olduğunu görmek"], "ls"), (["make a folder called {n}", "create the folder {n}"], ["{n} adında bir klasör yapmak", "{n} klasörünü oluşturmak"], "mkdir {n}"),
         (["delete the file {f}", "remove {f}"], ["{f} dosyasını silmek", "{f} kaldırmak"], "rm {f}"), (["copy {f} to {g}", "make a copy of {f} called {g}"], ["{f} dosyasını {g} olarak kopyalamak", "{f} için {g} adlı bir kopya yapmak"], "cp {f} {g}"),
         (["rename {f} to {g}", "move {f} to {g}"], ["{f} adını {g} yapmak", "{f} dosyasını {g} olarak taşımak"], "mv {f} {g}"), (["see what is in {f}", "print the file {f}"], ["{f} içinde ne olduğunu görmek", "{f} dosyasını yazdırmak"], "cat {f}"),
         (["count the lines of {f}", "know how many lines {f} has"], ["{f} dosyasının satırlarını saymak", "{f} kaç satır bilmek"], "wc -l {f}"), (["find the word {n} in {f}", "search {f} for {n}"], ["{f} içinde {n} kelimesini bulmak", "{f} dosyasında {n} aramak"], "grep {n} {f}"),
         (["go into the folder {n}", "change to {n}"], ["{n} klasörüne girmek", "{n} klasörüne geçmek"], "cd {n}"), (["know where I am", "see the current folder"], ["nerede olduğumu bilmek", "şu anki klasörü görmek"], "pwd"),
         (["see the first 10 lines of {f}", "look at the top of {f}"], ["{f} dosyasının ilk 10 satırını görmek", "{f} dosyasının başına bakmak"], "head {f}"), (["sort the lines of {f}", "put the lines of {f} in order"], ["{f} satırlarını sıralamak", "{f} dosyasını sıraya koymak"], "sort {f}")]
ASK_SHELL = {"en": ["How do I {x} in the shell?", "Which command lets me {x}?", "I want to {x} in the terminal.", "What do I type to {x}?", "Shell command to {x}?", "Linux: {x}"],
             "tr": ["Kabukta {x} için ne yazarım?", "{X} için hangi komut var?", "Terminalde {x} istiyorum.", "{X} için ne yazmalıyım?", "{X} için kabuk komutu?", "Linux: {x}"]}
OUTPUT = {"en": ["What does this print?\n{c}", "What is the output?\n{c}", "Which output does this program give?\n{c}", "Run this in your head:\n{c}", "What will I see?\n{c}"],
          "tr": ["Bu ne yazar?\n{c}", "Çıktısı nedir?\n{c}", "Bu programın çıktısı ne?\n{c}", "Bunu kafandan çalıştır:\n{c}", "Ekranda ne görürüm?\n{c}"]}


def function(s):
    names, parameters, body, en, tr, note_en, note_tr = s.pick(FUNCTIONS)
    name, chosen = s.pick(names), s.pick(parameters)
    parts = [p.strip() for p in chosen.split(",")]
    for number, part in enumerate(parts):
        body = body.replace("{%d}" % number, part)
    code = f"```python\ndef {name}({chosen}):\n    " + body.replace("\n", "\n    ") + "\n```"
    wish = en if s.language == "en" else tr
    asked = s.put(ASK[s.language], x=wish, X=t.upper_first(tr))
    if s.chance(0.15):
        asked = asked.rstrip(".?") + (f" and call it {name}." if s.language == "en" else f", adı {name} olsun.")
    note = note_en if s.language == "en" else note_tr
    return asked, s.pick(INTRO[s.language]) + code + ("\n" + note if s.chance(0.7) else ""), None, [name if "call it" in asked or "olsun" in asked else "def "]


def shell(s):
    en, tr, command = s.pick(SHELL)
    f, g = w.file_name(s), w.file_name(s)
    n = w.made_up(s).lower()
    wish = s.fill(s.pick(en if s.language == "en" else tr), f=f, g=g, n=n)
    command = s.fill(command, f=f, g=g, n=n)
    starts_with_name = wish.startswith((f, g, n))
    asked = s.put(ASK_SHELL[s.language], x=wish, X=wish if starts_with_name else t.upper_first(wish))
    said = s.say(["`{c}`", "Type `{c}`.", "With `{c}`.", "Use `{c}`."] if s.language == "en" else ["`{c}`", "`{c}` yaz.", "`{c}` ile.", "`{c}` kullan."], c=command)
    return asked, said, None, [command]


def output(s):
    """A program of two or three lines, and what it prints."""
    while True:
        a, b, n = s.between(1, 20), s.between(1, 20), s.between(2, 5)
        if is_held(f"code{a}/{b}", 6) == s.held:
            break
    x, y = s.some(["a", "b", "x", "y", "n", "k", "total", "count", "value"], 2)
    word = w.made_up(s).lower()
    en = s.language == "en"
    kind = s.pick(["sum", "product", "loop", "text", "if", "len", "list"])
    if kind == "sum":
        code, out = f"{x} = {a}\n{y} = {b}\nprint({x} + {y})", str(a + b)
        why = f"{x} + {y} = {a} + {b} = {a + b}."
    elif kind == "product":
        code, out = f"{x} = {a}\n{x} = {x} * {n}\nprint({x})", str(a * n)
        why = f"{a} x {n} = {a * n}."
    elif kind == "loop":
        code, out = f"for {x} in range({n}):\n    print({x} + {a})", "\n".join(str(i + a) for i in range(n))
        why = (f"{x} runs from 0 to {n - 1}, each time plus {a}." if en else f"{x} 0'dan başlar, {n - 1} olana kadar gider, her seferinde {a} eklenir.")
    elif kind == "text":
        code, out = f"{x} = \"{word}\"\nprint({x} * {n})", word * n
        why = f"\"{word}\" {n} times." if en else f"\"{word}\" {n} kez."
    elif kind == "if":
        code = f"{x} = {a}\nif {x} > {b}:\n    print(\"big\")\nelse:\n    print(\"small\")"
        out = "big" if a > b else "small"
        why = (f"{a} > {b} is {'true' if a > b else 'false'}." if en else f"{a} > {b} {'doğru' if a > b else 'yanlış'}.")
    elif kind == "len":
        code, out = f"{x} = \"{word}\"\nprint(len({x}))", str(len(word))
        why = (f"The letters: {', '.join(word)}. That is {len(word)}." if en else f"Harfler: {', '.join(word)}. Toplam {len(word)}.")
    else:
        items = [s.between(1, 20) for _ in range(n)]
        index = s.between(0, n - 1)
        code, out = f"{x} = {items}\nprint({x}[{index}])", str(items[index])
        why = (f"Counting from 0, place {index} holds {items[index]}." if en else f"0'dan sayınca {index}. yerde {items[index]} var.")
    asked = s.put(OUTPUT[s.language], c=f"```python\n{code}\n```")
    said = s.say(["It prints {o}.", "{o}", "The output is {o}."] if en else ["{o} yazar.", "{o}", "Çıktı: {o}"], o=out) if "\n" not in out else (("It prints:\n" if en else "Şunu yazar:\n") + out)
    return asked, said, why, [out]


def turn(s):
    return s.pick([function, function, shell, output, output])(s)


def document(source):
    asked, said, why, _ = turn(source)
    thinks = why is not None and source.chance(0.6)
    messages = [user(asked), assistant(said if thinks or why is None or source.chance(0.5) else why + "\n" + said, why if thinks else None)]
    if source.chance(0.2):
        asked, said, why, _ = turn(source)
        messages += [user(asked), assistant(said, (why or "") if thinks else None)]
    return {"messages": messages, "thinking_mode": "thinking" if thinks else "chat"}


def held_case(source):
    asked, _, why, words = turn(source)
    return {"messages": [user(asked)], "thinking_mode": "thinking" if why else "chat", "check": {"type": "keywords", "all": [[word] for word in words]}}
