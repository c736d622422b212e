"""Sums: + and - of up to three digits, x of two digits by one. The reasoning goes digit by digit, from the right, in one
fixed form per language: a small model learns a procedure, not a table. Pairs of numbers are held out by their hash."""
from . import world as w
from .core import assistant, is_held, user

CALC = {
    "en": {
        "+": ["What is {a} + {b}?", "{a} + {b} = ?", "Calculate {a} + {b}.", "How much is {a} plus {b}?", "Add {a} and {b}.", "Can you add {b} to {a}?", "{a}+{b}",
              "What do {a} and {b} make together?", "Please work out {a} + {b}.", "Tell me the sum of {a} and {b}.", "What's {a} plus {b}?", "I need {a} + {b}.",
              "Compute {a} + {b}", "[Hi|Hello|Hey]! What is {a} + {b}?", "Sum: {a} + {b}", "If I add {a} and {b}, what do I get?"],
        "-": ["What is {a} - {b}?", "{a} - {b} = ?", "Calculate {a} - {b}.", "How much is {a} minus {b}?", "Subtract {b} from {a}.", "Take {b} away from {a}.", "{a}-{b}",
              "What is left if I take {b} from {a}?", "Please work out {a} - {b}.", "What is the difference between {a} and {b}?", "What's {a} minus {b}?", "I need {a} - {b}.",
              "Compute {a} - {b}", "[Hi|Hello|Hey]! What is {a} - {b}?", "{a} minus {b}, please."],
        "x": ["What is {a} x {b}?", "{a} x {b} = ?", "Calculate {a} x {b}.", "How much is {a} times {b}?", "Multiply {a} by {b}.", "What is {a} * {b}?", "{a}*{b}",
              "What is {b} times {a}?", "Please work out {a} x {b}.", "What's {a} times {b}?", "I need the product of {a} and {b}.", "Compute {a} * {b}", "{a} times {b}, please.",
              "[Hi|Hello|Hey]! What is {a} x {b}?"],
    },
    "tr": {
        "+": ["{a} + {b} kaç eder?", "{a} + {b} = ?", "{a} ile {b} toplamı kaç?", "{a} artı {b} kaç?", "{a} ve {b} sayılarını topla.", "{a}+{b}", "{a} + {b} işlemini yapar mısın?",
              "{a} + {b} hesapla.", "{a} ile {b} toplanırsa ne olur?", "{a} sayısına {b} eklersem kaç olur?", "Bana {a} + {b} lazım.", "{a} artı {b} ne eder?", "[Merhaba|Selam]! {a} + {b} kaç?",
              "{a} + {b} sonucunu söyler misin?", "Toplama: {a} + {b}"],
        "-": ["{a} - {b} kaç eder?", "{a} - {b} = ?", "{a} eksi {b} kaç?", "{a} ile {b} arasındaki fark kaç?", "{a} sayısından {b} çıkar.", "{a}-{b}", "{a} - {b} işlemini yapar mısın?",
              "{a} - {b} hesapla.", "{a} sayısından {b} çıkarsa kaç kalır?", "Bana {a} - {b} lazım.", "{a} eksi {b} ne eder?", "[Merhaba|Selam]! {a} - {b} kaç?",
              "{a} - {b} sonucunu söyler misin?", "Çıkarma: {a} - {b}"],
        "x": ["{a} x {b} kaç eder?", "{a} x {b} = ?", "{a} çarpı {b} kaç?", "{a} ile {b} çarpımı kaç?", "{a} ve {b} sayılarını çarp.", "{a}*{b}", "{a} x {b} işlemini yapar mısın?",
              "{a} x {b} hesapla.", "{a} kere {b} kaç eder?", "Bana {a} x {b} lazım.", "{a} çarpı {b} ne eder?", "[Merhaba|Selam]! {a} x {b} kaç?", "{a} x {b} sonucunu söyler misin?",
              "Çarpma: {a} x {b}"],
    },
}
ANSWERS = {"en": ["{e} = {r}", "{e} = {r}.", "The answer is {r}.", "It is {r}.", "{e} is {r}.", "That makes {r}.", "[Sure|Of course]: {e} = {r}."],
           "tr": ["{e} = {r}", "{e} = {r}.", "Sonuç: {r}.", "Cevap {r}.", "{e} işleminin sonucu {r}.", "[Tabii|Elbette]: {e} = {r}."]}
WORDS = {"en": {"carry": "carry", "write": "write", "borrow": "borrow", "so": "So"}, "tr": {"carry": "elde", "write": "yaz", "borrow": "ödünç", "so": "Yani"}}


def digits(n, size):
    return [int(d) for d in reversed(str(n).zfill(size))]


def sum_steps(a, b, language):
    say = WORDS[language]
    size = max(len(str(a)), len(str(b)))
    lines, carry, out = [f"{a} + {b}"], 0, []
    for x, y in zip(digits(a, size), digits(b, size)):
        total = x + y + carry
        lines.append(f"{x} + {y} + {carry} = {total}: {say['write']} {total % 10}, {say['carry']} {total // 10}")
        out.append(total % 10)
        carry = total // 10
    if carry:
        lines.append(f"{say['write']} {carry}")
        out.append(carry)
    lines.append(f"{say['so']} {a + b}.")
    return "\n".join(lines)


def difference_steps(a, b, language):
    say = WORDS[language]
    if a < b:
        why = {"en": f"{a} is less than {b}, so the result is negative.", "tr": f"{a} sayısı {b} sayısından küçük, sonuç negatif."}[language]
        rest = difference_steps(b, a, language).rsplit("\n", 1)[0]
        return f"{why}\n{rest}\n{say['so']} {a - b}."
    size = len(str(a))
    lines, borrow = [f"{a} - {b}"], 0
    for x, y in zip(digits(a, size), digits(b, size)):
        left = x - y - borrow
        if left < 0:
            lines.append(f"{x} - {y} - {borrow} < 0: {say['borrow']}, {x + 10} - {y} - {borrow} = {left + 10}: {say['write']} {left + 10}")
            borrow = 1
        else:
            lines.append(f"{x} - {y} - {borrow} = {left}: {say['write']} {left}")
            borrow = 0
    lines.append(f"{say['so']} {a - b}.")
    return "\n".join(lines)


def product_steps(a, b, language):
    say = WORDS[language]
    if a < 10:
        return f"{a} x {b} = {a * b}\n{say['so']} {a * b}."
    tens, ones = a // 10 * 10, a % 10
    return f"{a} = {tens} + {ones}\n{tens} x {b} = {tens * b}\n{ones} x {b} = {ones * b}\n{tens * b} + {ones * b} = {a * b}\n{say['so']} {a * b}."


STEPS = {"+": sum_steps, "-": difference_steps, "x": product_steps}


def result(a, op, b):
    return a + b if op == "+" else a - b if op == "-" else a * b


def number_of_digits(source):
    size = source.pick([1, 2, 2, 3, 3, 3])
    return source.between(0 if size == 1 else 10 ** (size - 1), 10 ** size - 1)


def operands(source, op):
    """Products have only 1,000 pairs: one in four is held out; sums and differences one in ten."""
    while True:
        if op == "x":
            a, b = source.between(10, 99) if source.chance(0.85) else source.between(2, 9), source.between(2, 9)
            held = is_held(f"{min(a, b)}x{max(a, b)}", 4)
        else:
            a, b = number_of_digits(source), number_of_digits(source)
            if op == "-" and a < b and not source.chance(0.1):
                a, b = b, a
            held = is_held(f"{min(a, b)}{op}{max(a, b)}", 10)
        if held == source.held:
            return a, b


STORY = {
    "en": {
        "+": ["{p} has {a} {goods}. {q} gives {p} {b} more. How many {goods} does {p} have now?", "There are {a} {goods} in one box and {b} in another. How many are there together?",
              "{p} drove {a} km in the morning and {b} km in the afternoon. How many km is that in all?", "A shop sold {a} {goods} on {d} and {b} the day after. How many did it sell?",
              "{p} read {a} pages last week and {b} pages this week. How many pages in all?", "The school in {c} has {a} girls and {b} boys. How many children are there?"],
        "-": ["{p} has {a} {goods} and gives {b} of them to {q}. How many are left?", "There were {a} {goods} in the shop. {b} were sold. How many are left?",
              "{p} has {a} lira and spends {b}. How much is left?", "A book has {a} pages. {p} has read {b}. How many pages are left?",
              "A bus from {c} has {a} passengers; {b} get off. How many stay on the bus?", "{p} needs {a} points and has {b}. How many are missing?"],
        "x": ["One {good} costs {b} lira. How much do {a} {goods} cost?", "{p} packs {a} boxes with {b} {goods} each. How many {goods} is that?",
              "{p} walks {a} km every week. How far is that in {b} weeks?", "There are {b} shelves with {a} {goods} each. How many {goods} are there?",
              "A ticket to {c} costs {a} lira. What do {b} tickets cost?", "{p} saves {a} lira a month. How much is that in {b} months?"],
    },
    "tr": {
        "+": ["{p}, {a} {tgood} topladı. {q} ona {b} tane daha verdi. {p} şimdi kaç {tgood} sahibi?", "Bir kutuda {a}, öbüründe {b} {tgood} var. Toplam kaç {tgood} eder?",
              "{p} sabah {a} km, öğleden sonra {b} km yol gitti. Toplam kaç km?", "Dükkan {d} günü {a}, ertesi gün {b} {tgood} sattı. Toplam kaç tane sattı?",
              "{p} geçen hafta {a} sayfa, bu hafta {b} sayfa okudu. Toplam kaç sayfa okudu?", "{c_loc} bir okulda {a} kız, {b} erkek öğrenci var. Toplam kaç öğrenci var?"],
        "-": ["{p}, {a} {tgood} aldı, {b} tanesini {q_dat} verdi. Geriye kaç tane kaldı?", "Dükkanda {a} {tgood} vardı, {b} tanesi satıldı. Kaç tane kaldı?",
              "{p_gen} {a} lirası vardı, {b} lira harcadı. Kaç lirası kaldı?", "Bir kitap {a} sayfa. {p} {b} sayfasını okudu. Kaç sayfa kaldı?",
              "{c_abl} kalkan otobüste {a} yolcu vardı, {b} kişi indi. Kaç yolcu kaldı?", "{p_dat} {a} puan gerek, {b} puanı var. Kaç puan eksik?"],
        "x": ["Bir {tgood} {b} lira. {a} {tgood} kaç lira eder?", "{p}, {a} kutuya {b} tane {tgood} koydu. Toplam kaç {tgood} eder?",
              "{p} her hafta {a} km yürüyor. {b} haftada kaç km yürür?", "{b} rafın her birinde {a} {tgood} var. Toplam kaç {tgood} var?",
              "{c_dat} bir bilet {a} lira. {b} bilet kaç lira?", "{p} ayda {a} lira biriktiriyor. {b} ayda kaç lira birikir?"],
    },
}


def story_slots(source):
    p, q = w.person(source), w.person(source)
    while q == p:
        q = w.person(source)
    good = source.pick(w.GOODS)
    city = w.city(source)
    slots = {"p": p, "q": q, "good": good[0], "goods": good[1], "tgood": good[2], "d": w.day_name(source, source.language), "c": city}
    for key, base in (("p", p), ("q", q), ("c", city)):
        for case in ("gen", "dat", "loc", "abl"):
            slots[f"{key}_{case}"] = w.t.name(base, case)
    return slots


def question(source):
    """(text, a, op, b)"""
    op = source.pick("++--xx") if source.held else source.pick("+++---xx")
    a, b = operands(source, op)
    if source.chance(0.25) and (op != "-" or a >= b) and a > 1 and b > 1:
        return source.put(STORY[source.language][op], a=a, b=b, **story_slots(source)), a, op, b
    return source.put(CALC[source.language][op], a=a, b=b), a, op, b


def answer(source, a, op, b):
    return source.say(ANSWERS[source.language], e=f"{a} {op} {b}", r=result(a, op, b))


def visible(source, a, op, b):
    """The answer without reasoning: where a sum is hard, its steps are part of it."""
    hard = max(a, b) > 99 or (a > 9 and (b > 9 or op == "x"))
    if hard and source.chance(0.9):
        return STEPS[op](a, b, source.language).rsplit("\n", 1)[0] + "\n" + answer(source, a, op, b)
    return answer(source, a, op, b)


def document(source):
    thinks = source.chance(0.6)
    turns = 1 if source.chance(0.9 if thinks else 0.6) else source.between(2, 3)
    messages, sums = [], []
    for turn in range(turns):
        text, a, op, b = question(source)
        sums.append([a, op, b])
        steps = STEPS[op](a, b, source.language)
        messages.append(user(text))
        last = turn == turns - 1
        if thinks and last:
            messages.append(assistant(answer(source, a, op, b), steps))
        else:
            messages.append(assistant(visible(source, a, op, b)))
    return {"messages": messages, "thinking_mode": "thinking" if thinks else "chat", "sums": sums}


def held_case(source):
    text, a, op, b = question(source)
    return {"messages": [user(text)], "thinking_mode": "thinking", "sums": [[a, op, b]],
            "check": {"type": "number", "value": result(a, op, b)}}
