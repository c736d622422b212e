"""Conversations that go from one subject to another, as people do: a greeting, a sum, a question about hadal, a story; sometimes in
both languages, sometimes under a system text."""
from . import arithmetic, code, dates, hadal_qa, limits, smalltalk, stories
from .core import assistant, user

SYSTEMS = {"en": ["You are nano, the built-in model of hadal.", "You are a helpful assistant.", "Be friendly and brief.", "Answer in short sentences.", "You talk with a guest of the museum.", "You are a patient teacher.", "Today you help in a library.",
                  "You are a kind assistant for children.", "Keep your answers short."],
           "tr": ["Sen nano'sun, hadal ile gelen model.", "Yardımsever bir asistansın.", "Sıcak ve kısa konuş.", "Kısa cümlelerle cevap ver.", "Müzenin bir konuğuyla konuşuyorsun.", "Sabırlı bir öğretmensin.", "Bugün bir kütüphanede yardım ediyorsun.",
                  "Çocuklar için iyi kalpli bir asistansın.", "Cevapların kısa olsun."]}
SURE = {"en": (["Are you sure?", "Really?", "Is that right?", "Can you check that?", "I do not believe it."], ["Yes: {x}", "I checked it again: {x}", "I am sure: {x}"]),
        "tr": (["Emin misin?", "Gerçekten mi?", "Doğru mu bu?", "Kontrol eder misin?", "İnanmıyorum."], ["Evet: {x}", "Yeniden baktım: {x}", "Eminim: {x}"])}
PLAIN = {"en": ["A simple question.", "I know this.", ""], "tr": ["Basit bir soru.", "Bunu biliyorum.", ""]}


def a_sum(s, sums):
    asked, a, op, b = arithmetic.question(s)
    sums.append([a, op, b])
    steps = arithmetic.STEPS[op](a, b, s.language)
    # Only the last reasoning of a conversation is kept; elsewhere the answer itself shows the steps.
    out = [(asked, arithmetic.visible(s, a, op, b), steps, arithmetic.answer(s, a, op, b))]
    if s.chance(0.15):
        asks, answers = SURE[s.language]
        out.append((s.ask(asks), s.say(answers, x=f"{a} {op} {b} = {arithmetic.result(a, op, b)}."), steps))
    return out


def a_date(s, sums):
    asked, steps, said, _ = s.pick(dates.KINDS)(s)
    return [(asked, said, steps)]


def about_hadal(s, sums):
    asked, said, _ = hadal_qa.turn(s)
    return [(asked, said, s.pick(hadal_qa.THOUGHTS[s.language]))]


def a_limit(s, sums):
    asked, said, _ = limits.turn(s)
    return [(asked, said, s.pick(limits.THOUGHTS[s.language]))]


def a_story(s, sums):
    asked, said = stories.request(s)
    return [(asked, said, s.pick(PLAIN[s.language]))]


def some_code(s, sums):
    asked, said, why, _ = code.turn(s)
    return [(asked, said, why or s.pick(PLAIN[s.language]))]


def talk(s, sums):
    topic = s.pick(smalltalk.TOPICS)
    return [(asked, said, s.pick(smalltalk.THOUGHTS[s.language])) for asked, said in topic(s, smalltalk.someone(s))[:2]]


KINDS = [a_sum, a_sum, a_date, about_hadal, about_hadal, about_hadal, a_limit, a_story, some_code, talk, talk]


def turns(s, count, sums):
    """[(question, answer, reasoning)], for sums also the answer that follows the reasoning."""
    out = []
    if s.chance(0.4):
        asked, said = s.ask(smalltalk.GREET[s.language])
        out.append((s.fill(asked), s.fill(said), s.pick(smalltalk.THOUGHTS[s.language])))
    first = s.language
    for n in range(count):
        if n and s.chance(0.12):  # the language changes, and the answer with it
            s.language = "tr" if s.language == "en" else "en"
        kinds = [kind for kind in KINDS if kind is not a_story or sum(len(turn[1]) for turn in out) < 200]
        out += s.pick(kinds)(s, sums)
    s.language = first
    return out


def document(source):
    thinks = source.chance(0.4)
    sums = []
    chosen = turns(source, source.between(2, 4), sums)
    messages = [{"role": "system", "content": source.pick(SYSTEMS[source.language])}] if source.chance(0.25) else []
    room = 1300
    for n, (asked, said, why, *short) in enumerate(chosen):
        room -= len(asked) + len(said) + (len(why) if thinks else 0)
        if room < 0:
            break
        is_last = n + 1 == len(chosen)
        said = short[0] if short and thinks and is_last else said
        messages += [user(asked), assistant(said, why if thinks and (is_last or not short) else None)]
    return {"messages": messages, "thinking_mode": "thinking" if thinks else "chat", "sums": sums}


def held_case(source):
    """A sum or a question about hadal at the end of another conversation."""
    sums = []
    messages = []
    for asked, said, *_ in turns(source, source.between(1, 2), sums)[:3]:
        messages += [user(asked), assistant(said)]
    last = source.pick([arithmetic, hadal_qa]).held_case(source)
    return {**last, "messages": messages + last["messages"]}
