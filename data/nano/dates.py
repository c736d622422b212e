"""Days, months, clocks and spans, with a short line of reasoning."""
from . import world as w
from .core import assistant, capital, is_held, user
from .world import t

DAYS, MONTHS = w.DAYS, w.MONTHS


def day_steps(s):
    """Which day is n days after or before another."""
    while True:
        start, n, back = s.between(0, 6), s.between(1, 30), s.chance(0.35)
        if is_held(f"day{start}/{n}/{back}", 6) == s.held:
            break
    end = (start - n if back else start + n) % 7
    days = DAYS[s.language]
    rest = n % 7
    if s.language == "en":
        asked = s.put(["Today is {d}. Which day {v} {n} days {b}?", "What day is {n} days {a} {d}?", "{n} days {a} {d} is which day?", "If today is {d}, what day {v} it {n} days {b}?", "It is {d}. {n} days {b}, which day of the week?"], d=days[start], n=n,
                      v="was" if back else "is", a="before" if back else "after", b="ago" if back else "from now")
        asked = asked.replace(" 1 days", " 1 day") if n == 1 else asked
        steps = (f"{n} = {n // 7} x 7 + {rest}. A week changes nothing, so {rest} day(s) {'before' if back else 'after'} {days[start]}" if n >= 7 else f"{rest} day(s) {'before' if back else 'after'} {days[start]}")
        walk = [days[(start + (-i if back else i)) % 7] for i in range(1, rest + 1)]
        steps += ": " + ", ".join(walk) + "." if walk else f": {days[start]}."
        said = s.say(["It {v} {d}.", "{d}.", "The day {v} {d}."], v="was" if back else "is", d=days[end])
    else:
        asked = s.put(["Bugün {d}. {n} gün {b} günlerden ne{v}?", "{D} gününden {n} gün {b} hangi gün?", "Bugün {d} ise {n} gün {b} ne{v}?", "{D}. {n} gün {b} haftanın hangi günü?", "{D} gününün {n} gün {b_} hangi gün?"], d=days[start], D=capital(days[start], "tr"), n=n, b="önce" if back else "sonra",
                      b_="öncesi" if back else "sonrası", v="ydi" if back else " olur")
        steps = f"{n} = {n // 7} x 7 + {rest}. Hafta bir şey değiştirmez, {days[start]} gününden {rest} gün {'önce' if back else 'sonra'}" if n >= 7 else f"{days[start]} gününden {rest} gün {'önce' if back else 'sonra'}"
        walk = [days[(start + (-i if back else i)) % 7] for i in range(1, rest + 1)]
        steps += ": " + ", ".join(walk) + "." if walk else f": {days[start]}."
        said = s.say(["{D}.", "Günlerden {d}.", "O gün {d}."], d=days[end], D=capital(days[end], "tr"))
    return asked, steps, said, [days[end]]


def month_step(s):
    months = MONTHS[s.language]
    while True:
        start, n, back = s.between(0, 11), s.between(1, 5), s.chance(0.4)
        if is_held(f"month{start}/{n}/{back}", 6) == s.held:
            break
    end = (start - n if back else start + n) % 12
    walk = ", ".join(months[(start + (-i if back else i)) % 12] for i in range(1, n + 1)) + "."
    if s.language == "en":
        asked = s.put(["Which month is {n} months {a} {m}?", "What month comes {n} months {a} {m}?", "{n} months {a} {m}: which month?", "Name the month {n} months {a} {m}."], n=n, a="before" if back else "after", m=months[start])
        asked = asked.replace("1 months", "1 month")
        return asked, f"{'Back' if back else 'On'} from {months[start]}: {walk}", s.say(["It is {m}.", "{m}.", "That is {m}."], m=months[end]), [months[end]]
    asked = s.put(["{M} ayından {n} ay {b} hangi ay?", "{n} ay {b}: {m} ayından sayarsak hangi ay?", "{M} ayının {n} ay {b_} hangi ay?", "{M} ayından {n} ay {b} hangi aydayız?"], n=n, b="önce" if back else "sonra", b_="öncesi" if back else "sonrası", m=months[start], M=capital(months[start], "tr"))
    return asked, f"{capital(months[start], 'tr')} ayından {'geriye' if back else 'ileriye'}: {walk}", s.say(["{M}.", "{M} ayı.", "O ay {m}."], m=months[end], M=capital(months[end], "tr")), [months[end]]


def span(s):
    """Days between two dates of one month."""
    month = s.between(0, 11)
    while True:
        a, b = sorted(s.some(range(1, w.MONTH_DAYS[month] + 1), 2))
        if is_held(f"span{a}/{b}", 6) == s.held:
            break
    m = MONTHS[s.language][month]
    if s.language == "en":
        asked = s.put(["How many days are there from {a} {m} to {b} {m}?", "From {a} to {b} {m}: how many days?", "How long is it from {m} {a} to {m} {b}?", "Today is {a} {m}. How many days until {b} {m}?"], a=a, b=b, m=m)
        n = "1 day" if b - a == 1 else f"{b - a} days"
        return asked, f"{b} - {a} = {b - a}.", s.say(["{n}.", "It is {n}.", "There are {n}."], n=n).replace("are 1", "is 1"), [str(b - a)]
    asked = s.put(["{a} {m} ile {b} {m} arasında kaç gün var?", "{a} {m} gününden {b} {m} gününe kaç gün?", "Bugün {a} {m}. {b} {m} gününe kaç gün var?", "{b} {m} olmasına kaç gün var? Bugün {a} {m}."], a=a, b=b, m=m)
    return asked, f"{b} - {a} = {b - a}.", s.say(["{n} gün.", "{n} gün var.", "Arada {n} gün var."], n=b - a), [str(b - a)]


def clock(s):
    """A time and a span later."""
    while True:
        h, m = s.between(5, 21), s.between(0, 11) * 5
        dh, dm = s.between(0, 3), s.between(0, 11) * 5
        if dh + dm and is_held(f"clock{h}:{m}/{dh}:{dm}", 6) == s.held:
            break
    total = h * 60 + m + dh * 60 + dm
    end = f"{total // 60 % 24:02d}:{total % 60:02d}"
    start = f"{h:02d}:{m:02d}"
    minutes = m + dm
    en = s.language == "en"
    carry = f"{m} + {dm} = {minutes}" + ((f", that is 1 hour and {minutes - 60}" if en else f", yani 1 saat ve {minutes - 60}") if minutes >= 60 else "")
    hours = f"{h} + {dh}" + (" + 1" if minutes >= 60 else "") + f" = {h + dh + (minutes >= 60)}"
    if en:
        length = " and ".join(x for x in [f"{dh} hour{'s' if dh > 1 else ''}" if dh else "", f"{dm} minutes" if dm else ""] if x)
        p, c = w.person(s), w.city(s)
        asked = s.put(["A train leaves {c} at {t} and takes {l}. When does it arrive?", "It is {t}. What time is it in {l}?", "{p} starts at {t} and needs {l}. When is {p} done?", "The film begins at {t} and lasts {l}. When does it end?", "{t} plus {l}?"], c=c, t=start, l=length, p=p)
        return asked, f"Minutes: {carry}. Hours: {hours}.", s.say(["At {e}.", "It is {e}.", "{e}."], e=end), [end]
    length = " ".join(x for x in [f"{dh} saat" if dh else "", f"{dm} dakika" if dm else ""] if x)
    p, c = w.person(s), w.city(s)
    asked = s.put(["Tren {c} {t} kalkıyor, yol {l} sürüyor. Saat kaçta varır?", "Saat {u}. {l} sonra saat kaç olur?", "{p} {t} başlıyor, işi {l} sürüyor. Saat kaçta biter?", "Film {t} başlıyor ve {l} sürüyor. Ne zaman biter?", "{u} artı {l} kaç?"], c=t.name(c, "abl"), t=t.clock(h, m, "loc"), u=start, l=length, p=p)
    return asked, f"Dakika: {carry}. Saat: {hours}.", s.say(["Saat {e}.", "{e}.", "Sonuç {e}."], e=end), [end]


def facts(s):
    """Small known things of the calendar."""
    month = s.between(0, 11)
    m = MONTHS[s.language][month]
    year = s.number(1980, 2060, "year")
    leap = year % 4 == 0
    if s.language == "en":
        return s.pick([
            (s.put(["How many days has {m}?", "How many days are there in {m}?", "{m} has how many days?", "Days in {m}?"], m=m), f"{m} is month {month + 1}.", f"{m} has {w.MONTH_DAYS[month]} days" + (", 29 in a leap year." if month == 1 else "."), [str(w.MONTH_DAYS[month])]),
            (s.put(["Is {y} a leap year?", "Has {y} a 29 February?", "Does {y} have 366 days?", "{y}: leap year or not?"], y=year), f"{year} / 4 = {year // 4}, rest {year % 4}.", (f"Yes, {year} is a leap year." if leap else f"No, {year} is not a leap year."), ["Yes" if leap else "No"])])
    return s.pick([
        (s.put(["{M} ayı kaç gün?", "{M} kaç gün çeker?", "{M} ayında kaç gün var?", "Kaç gün sürer: {m}?"], m=m, M=capital(m, "tr")), f"{capital(m, 'tr')} {month + 1}. ay.", f"{capital(m, 'tr')} {w.MONTH_DAYS[month]} gündür" + (", artık yılda 29." if month == 1 else "."), [str(w.MONTH_DAYS[month])]),
        (s.put(["{y} artık yıl mı?", "{y} yılında 29 Şubat var mı?", "{y} yılı 366 gün mü?", "{y}: artık yıl mı değil mi?"], y=year), f"{year} / 4 = {year // 4}, kalan {year % 4}.", (f"Evet, {year} artık yıl." if leap else f"Hayır, {year} artık yıl değil."), ["Evet" if leap else "Hayır"])])


KINDS = [day_steps, day_steps, month_step, span, clock, clock, facts]


def document(source):
    thinks = source.chance(0.7)
    messages = []
    for _ in range(1 if source.chance(0.7) else 2):
        asked, steps, said, _ = source.pick(KINDS)(source)
        if thinks:
            messages += [user(asked), assistant(said, steps)]
        else:
            messages += [user(asked), assistant(steps + " " + said if source.chance(0.4) else said)]
    return {"messages": messages, "thinking_mode": "thinking" if thinks else "chat"}


def held_case(source):
    asked, _, _, words = source.pick(KINDS)(source)
    words = [[capital(words[0], source.language), words[0]]]
    return {"messages": [user(asked)], "thinking_mode": "thinking", "check": {"type": "keywords", "all": words}}
