"""Tool calls: several tools are offered, one, two or none are needed; the result comes, then an answer.

A family is one kind of tool under many names and parameter names, so that the model reads what is offered and does not
learn names by heart. Each family returns a Job: what is asked, the arguments, the result and the answer.
"""
import json

from . import limits, world as w
from .core import assistant, user
from .world import t


class Job:
    def __init__(self, spec, asked, arguments, result, said, why):
        self.spec = spec
        self.asked = asked
        self.arguments = arguments
        self.result = result
        self.said = said
        self.why = why


def spec(name, description, /, **properties):
    """A property is (JSON schema, required)."""
    return {"name": name, "description": description, "parameters": {
        "type": "object", "properties": {key: schema for key, (schema, _) in properties.items()},
        "required": [key for key, (_, required) in properties.items() if required]}}


def text(description=None, **more):
    schema = {"type": "string", **more}
    return {**schema, "description": description} if description else schema


def weather(s):
    en = s.language == "en"
    key = s.pick(["city", "city", "location", "place", "town"])
    day_key = s.pick([None, "day", "day", "when"])
    properties = {key: (text(s.pick([None, "name of the city"])), True)}
    if day_key:
        properties[day_key] = (text(), False)
    tool = spec(s.pick(["get_weather", "weather", "current_weather", "weather_forecast", "forecast", "get_forecast", "hava_durumu"]),
                s.pick(["Weather of a city", "Get the weather", "Current weather and forecast", "Tells the weather of a place"]), **properties)
    city = w.city(s)
    days = ["today", "tomorrow"] + w.DAYS["en"] if en else ["bugün", "yarın"] + w.DAYS["tr"]
    day = s.pick(days) if day_key and s.chance(0.6) else None
    sky, degrees = w.weather(city, day)
    arguments = {key: city, **({day_key: day} if day else {})}
    loc = t.name(city, "loc")
    if en:
        when = "" if not day else day if day in ("today", "tomorrow") else f"on {day}"
        asked = s.put([
            "What is the weather in {c} {w}?", "How is the weather in {c} {w}?", "Will it rain in {c} {w}?", "Do I need an umbrella in {c} {w}?", "Is it warm in {c} {w}?",
            "Weather in {c} {w}, please.", "Tell me the weather for {c} {w}.", "I am going to {c} {w}. What will the weather be like?", "[Hi|Hello]! How warm is it in {c} {w}?",
            "Can you check the weather in {c} {w}?", "What should I wear in {c} {w}?", "Is it cold in {c} {w}?", "Is the sun shining in {c} {w}?", "Check {c} weather {w}"],
            c=city, w=when).replace(" ?", "?").replace(" ,", ",").replace(" .", ".").strip()
        said = s.say(["It is {sky} in {c} {w}, {d} degrees.", "In {c} it is {sky} {w} with {d} degrees.", "{c} {w}: {sky}, {d} °C."], sky=w.SKIES[sky][0], c=city, w=when, d=degrees)
        said = " ".join(said.split()).replace(" ,", ",").replace(" :", ":")
        said += s.say([" Enjoy!", "", "", " Have a nice day!"]) if sky in (0, 6) else s.say([" Take an umbrella.", " An umbrella is a good idea.", ""]) if sky in (2, 7) else ""
        why = s.say(["The user wants the weather in {c}. I call {n}.", "For the weather in {c} I use {n}.", "{n} can tell the weather in {c}."], c=city, n=tool["name"])
    else:
        when = {None: "", "bugün": "bugün", "yarın": "yarın"}.get(day, f"{day} günü" if day else "")
        asked = s.put([
            "{cl} {w} hava nasıl?", "{w} {cl} hava nasıl olacak?", "{cl} {w} yağmur yağacak mı?", "{cl} {w} şemsiye gerekir mi?", "{w} {cl} hava sıcak mı?", "{c} hava durumu {w}",
            "{c} için {w} hava durumunu söyler misin?", "{w} {cd} gidiyorum, hava nasıl?", "[Merhaba|Selam]! {cl} {w} hava kaç derece?", "{cl} {w} havaya bakar mısın?",
            "{cl} {w} ne giymeliyim?", "{cl} {w} hava soğuk mu?", "{cl} {w} güneş var mı?", "{c} {w} havası nasıl acaba?"], c=city, cl=loc, cd=t.name(city, "dat"), w=when)
        asked = t.upper_first(" ".join(asked.split()).replace(" ?", "?"))
        said = s.say(["{cl} {w} hava {sky}, {d} derece.", "{w} {cl} hava {sky} ve {d} derece.", "{c} {w}: {sky}, {d} °C."], sky=w.SKIES[sky][1], c=city, cl=loc, w=when, d=degrees)
        said = t.upper_first(" ".join(said.split()).replace(" :", ":"))
        said += s.say([" İyi eğlenceler!", "", "", " Güzel bir gün olsun!"]) if sky in (0, 6) else s.say([" Şemsiyeni al.", " Yanına şemsiye alsan iyi olur.", ""]) if sky in (2, 7) else ""
        why = s.say(["{cg} havası soruluyor. {n} aracını çağırıyorum.", "{cl} hava için {n} gerekli.", "Hava durumunu {n} söyler: {c}."], cg=t.name(city, "gen"), cl=loc, c=city, n=tool["name"])
    result = {"city": city, "sky": w.SKIES[sky][0], "degrees": degrees}
    return Job(tool, asked, arguments, result, said, why)


def calculator(s):
    en = s.language == "en"
    key = s.pick(["expression", "expression", "formula", "input"])
    tool = spec(s.pick(["calculator", "calculate", "calc", "compute", "math", "hesapla"]),
                s.pick(["Computes an expression", "Evaluate arithmetic", "A calculator", "Works out + - * /"]), **{key: (text(s.pick([None, "for example 2 + 3"])), True)})
    a, b = s.number(100, 9999, "calc"), s.number(11, 999, "calc")
    op = s.pick("+-**/")
    if op == "/":
        b = s.between(2, 12)
        a = b * s.between(20, 400)
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[op]
    sign = {"+": "+", "-": "-", "*": s.pick(["*", "x"]), "/": "/"}[op]
    said_sign = {"+": ["plus", "artı"], "-": ["minus", "eksi"], "*": ["times", "çarpı"], "/": ["divided by", "bölü"]}[op][0 if en else 1]
    if en:
        asked = s.put(["What is {a} {o} {b}?", "Use the calculator: {a} {o} {b}", "How much is {a} {w} {b}?", "Calculate {a} {o} {b} for me.", "{a} {o} {b}?", "I need the exact value of {a} {o} {b}.",
                       "Can you work out {a} {w} {b}?", "Please compute {a} {o} {b}.", "[Hi|Hello], what is {a} {w} {b}?", "What do you get for {a} {o} {b}?"], a=a, b=b, o=sign, w=said_sign)
        said = s.say(["{a} {o} {b} = {v}.", "The result is {v}.", "That is {v}.", "{a} {o} {b} is {v}."], a=a, b=b, o=sign, v=value)
        why = s.say(["A sum: {n} is made for it.", "I let {n} work out {a} {p} {b}.", "The numbers are large, so I use {n}."], n=tool["name"], a=a, b=b, p=op)
    else:
        asked = s.put(["{a} {o} {b} kaç eder?", "Hesap makinesini kullan: {a} {o} {b}", "{a} {w} {b} kaç?", "Benim için {a} {o} {b} hesapla.", "{a} {o} {b}?", "{a} {o} {b} tam olarak kaç eder?",
                       "{a} {w} {b} işlemini yapar mısın?", "Lütfen {a} {o} {b} hesapla.", "[Merhaba|Selam], {a} {w} {b} kaç?", "{a} {o} {b} sonucu nedir?"], a=a, b=b, o=sign, w=said_sign)
        said = s.say(["{a} {o} {b} = {v}.", "Sonuç {v}.", "Cevap: {v}.", "{a} {o} {b} işleminin sonucu {v}."], a=a, b=b, o=sign, v=value)
        why = s.say(["Bu bir işlem: {n} bunun için var.", "{a} {p} {b} işlemini {n} yapsın.", "Sayılar büyük, {n} kullanıyorum."], n=tool["name"], a=a, b=b, p=op)
    return Job(tool, asked, {key: f"{a} {op} {b}"}, {"result": value}, said, why)


NOTES = {"en": ["buy milk and bread", "call {p} at {h}", "water the plants", "the meeting is on {d}", "{p} owes me {n} lira", "the key is under the pot", "send the letter to {p}", "bring an umbrella on {d}",
                "pay the bill of {n} lira", "practise the song for {d}", "the train to {c} leaves at {h}", "{p} likes {f}"],
         "tr": ["süt ve ekmek al", "{p} ile {h} için görüş", "çiçekleri sula", "toplantı {d} günü", "{pg} bana {n} lira borcu var", "anahtar saksının altında", "mektubu {pd} gönder",
                "{d} günü şemsiye getir", "{n} liralık faturayı öde", "{d} için şarkıya çalış", "{c} treni {h} kalkıyor", "{p} {f} seviyor"]}


def note(s):
    p = w.person(s)
    food = s.pick(w.FOODS)
    return s.say(NOTES[s.language], p=p, pg=t.name(p, "gen"), pd=t.name(p, "dat"), h=f"{s.between(7, 21)}:{s.pick(['00', '15', '30', '45'])}", d=w.day_name(s, s.language),
                 n=s.between(2, 60) * 5, c=w.city(s), f=food[0] if s.language == "en" else food[1])


def read_file(s):
    en = s.language == "en"
    key = s.pick(["path", "path", "file", "filename"])
    tool = spec(s.pick(["read_file", "open_file", "file_read", "cat", "get_file", "dosya_oku"]), s.pick(["Reads a file", "Returns the text of a file", "Open a file and read it"]), **{key: (text(), True)})
    path = w.path(s) if s.chance(0.7) else w.file_name(s)
    content = "\n".join(f"- {note(s)}" for _ in range(s.between(1, 3)))
    first = content.split("\n")
    if en:
        asked = s.put(["What is in {f}?", "Read {f} for me.", "Show me {f}.", "Open {f}, please.", "What does the file {f} say?", "Can you read the file {f}?", "Print {f}", "I forgot what I wrote in {f}.",
                       "Have a look at {f}.", "[Hi|Hello]! Please read {f}."], f=path)
        said = s.say(["{f} says:\n{t}", "Here is {f}:\n{t}", "The file has {n} line(s):\n{t}"], f=path, t=content, n=len(first))
        why = s.say(["I read {f} with {n}.", "The user asks for {f}: {n}.", "To know that I must read {f}."], f=path, n=tool["name"])
    else:
        asked = s.put(["{f} içinde ne var?", "{f} dosyasını oku.", "Bana {f} dosyasını göster.", "{f} dosyasını açar mısın?", "{f} dosyasında ne yazıyor?", "{f} dosyasını okur musun?", "{f} yazdır",
                       "{f} dosyasına ne yazdığımı unuttum.", "{f} dosyasına bir bak.", "[Merhaba|Selam]! {f} dosyasını okur musun?"], f=path)
        said = s.say(["{f} dosyasında şunlar yazıyor:\n{t}", "İşte {f}:\n{t}", "Dosyada {n} satır var:\n{t}"], f=path, t=content, n=len(first))
        why = s.say(["{f} dosyasını {n} ile okuyorum.", "{f} isteniyor: {n}.", "Bunu bilmek için {f} okunmalı."], f=path, n=tool["name"])
    return Job(tool, asked, {key: path}, {"text": content}, said, why)


def list_files(s):
    en = s.language == "en"
    key = s.pick(["folder", "path", "directory"])
    tool = spec(s.pick(["list_files", "ls", "list_folder", "dir", "dosyaları_listele"]), s.pick(["Lists the files of a folder", "Names of the files in a folder"]), **{key: (text(), True)})
    folder = s.pick(w.FOLDERS) if s.chance(0.5) else w.made_up(s).lower()
    files = [w.file_name(s) for _ in range(s.between(1, 4))]
    from .core import joined
    if en:
        asked = s.put(["Which files are in {f}?", "List the folder {f}.", "What is in the folder {f}?", "Show me the files in {f}.", "Is there anything in {f}?", "ls {f}", "Please list {f}."], f=folder)
        said = s.say(["In {f} there [is|are]: {l}.", "{f} has {n}: {l}.", "I found {l}."], f=folder, l=joined(files, "en"), n=f"{len(files)} file" + ("s" if len(files) > 1 else ""))
        said = said.replace("there is" if len(files) > 1 else "there are", "there are" if len(files) > 1 else "there is")
        why = s.say(["I list {f} with {n}.", "{n} shows what is in {f}."], f=folder, n=tool["name"])
    else:
        asked = s.put(["{f} klasöründe hangi dosyalar var?", "{f} klasörünü listele.", "{f} klasöründe ne var?", "{f} içindeki dosyaları göster.", "{f} klasöründe bir şey var mı?", "ls {f}",
                       "Lütfen {f} klasörünü listele."], f=folder)
        said = s.say(["{f} klasöründe şunlar var: {l}.", "{f} içinde {n} dosya var: {l}.", "Şunları buldum: {l}."], f=folder, l=joined(files, "tr"), n=len(files))
        why = s.say(["{f} klasörünü {n} ile listeliyorum.", "{f} içini {n} gösterir."], f=folder, n=tool["name"])
    return Job(tool, asked, {key: folder}, {"files": files}, said, why)


def write_file(s):
    en = s.language == "en"
    key, text_key = s.pick([("path", "text"), ("path", "content"), ("file", "text"), ("filename", "content")])
    tool = spec(s.pick(["write_file", "save_file", "save", "create_file", "dosya_yaz"]), s.pick(["Writes a text into a file", "Saves text to a file"]), **{key: (text(), True), text_key: (text(), True)})
    path, line = w.path(s), note(s)
    if en:
        asked = s.put(["Write \"{t}\" into {f}.", "Save \"{t}\" as {f}.", "Make a file {f} with the text \"{t}\".", "Put \"{t}\" into {f}, please.", "Note in {f}: \"{t}\""], t=line, f=path)
        said = s.say(["Done: {f} is saved.", "I have written it to {f}.", "Saved in {f}."], f=path)
        why = s.say(["I save the text with {n}.", "{n} writes the file {f}."], n=tool["name"], f=path)
    else:
        asked = s.put(["{f} dosyasına \"{t}\" yaz.", "\"{t}\" metnini {f} olarak kaydet.", "İçinde \"{t}\" yazan {f} dosyasını oluştur.", "Lütfen {f} içine \"{t}\" koy.", "{f} dosyasına not et: \"{t}\""], t=line, f=path)
        said = s.say(["Tamam, {f} kaydedildi.", "{f} dosyasına yazdım.", "{f} içine kaydettim."], f=path)
        why = s.say(["Metni {n} ile kaydediyorum.", "{f} dosyasını {n} yazar."], n=tool["name"], f=path)
    return Job(tool, asked, {key: path, text_key: line}, {"ok": True}, said, why)


def clock(s):
    en = s.language == "en"
    key = s.pick(["city", "place", "timezone_city"])
    tool = spec(s.pick(["get_time", "clock", "local_time", "time_in", "saat_kaç"]), s.pick(["Local time of a city", "What time it is in a place"]), **{key: (text(), True)})
    city, time = w.city(s), f"{s.between(0, 23):02d}:{s.between(0, 59):02d}"
    if en:
        asked = s.put(["What time is it in {c}?", "Tell me the time in {c}.", "How late is it in {c} now?", "Is it already evening in {c}?", "Current time in {c}?"], c=city)
        said = s.say(["It is {t} in {c}.", "In {c} it is {t} now."], c=city, t=time)
        why = s.say(["I ask {n} for {c}.", "The time in {c}: {n}."], n=tool["name"], c=city)
    else:
        asked = s.put(["{cl} saat kaç?", "{cl} şu an saat kaç?", "{c} saatini söyler misin?", "{cl} akşam oldu mu?", "{cl} saat kaç oldu?"], c=city, cl=t.name(city, "loc"))
        said = s.say(["{cl} saat {t}.", "Şu an {cl} saat {t}."], cl=t.name(city, "loc"), t=time)
        why = s.say(["{n} aracına {c} için soruyorum.", "{cl} saat için {n}."], n=tool["name"], c=city, cl=t.name(city, "loc"))
    return Job(tool, asked, {key: city}, {"time": time}, said, why)


def reminder(s):
    en = s.language == "en"
    key, time_key = s.pick([("text", "time"), ("what", "when"), ("title", "time")])
    tool = spec(s.pick(["set_reminder", "remind", "add_reminder", "alarm", "hatırlat"]), s.pick(["Sets a reminder", "Reminds the user at a time"]), **{key: (text(), True), time_key: (text("HH:MM"), True)})
    hour, minute, p = s.between(6, 22), s.pick([0, 0, 15, 30, 45, 10, 20]), w.person(s)
    time = f"{hour:02d}:{minute:02d}"
    things = {"en": ["water the plants", "call {p}", "take the bread out of the oven", "go to the dentist", "feed the cat", "write to {p}", "buy flowers for {p}", "close the window", "pick up {p}", "do the homework"],
              "tr": ["çiçekleri sulamak", "{pa} aramak", "ekmeği fırından çıkarmak", "dişçiye gitmek", "kediyi beslemek", "{pd} yazmak", "{pd} çiçek almak", "pencereyi kapatmak", "{pa} almak", "ödevi yapmak"]}
    thing = s.say(things[s.language], p=p, pa=t.name(p, "acc"), pd=t.name(p, "dat"))
    if en:
        asked = s.put(["Remind me at {t} to {x}.", "Set a reminder at {t}: {x}", "At {t} I have to {x}. Remind me.", "Please remind me to {x} at {t}.", "I must not forget to {x} at {t}."], t=time, x=thing)
        said = s.say(["Done. I will remind you at {t} to {x}.", "The reminder is set for {t}.", "All right: {t}, {x}."], t=time, x=thing)
        why = s.say(["A reminder for {t}: {n}.", "I set it with {n}."], t=time, n=tool["name"])
    else:
        at = t.clock(hour, minute, "loc")
        asked = s.put(["{t} bana hatırlat: {x}", "{t} için hatırlatıcı kur: {x}", "{t} {x} istiyorum, hatırlatır mısın?", "Lütfen {t} {x} için beni uyar.", "{t} unutmamam gereken bir şey var: {x}"], t=at, x=thing).replace("'da için", " için").replace("'de için", " için").replace("'ta için", " için").replace("'te için", " için")
        said = s.say(["Tamam. {a} hatırlatacağım: {x}.", "Hatırlatıcı {t} için kuruldu.", "Oldu: {t}, {x}."], a=at, t=time, x=thing)
        why = s.say(["{t} için hatırlatıcı: {n}.", "Bunu {n} ile kuruyorum."], t=time, n=tool["name"])
    return Job(tool, asked, {key: thing, time_key: time}, {"ok": True}, said, why)


def message(s):
    en = s.language == "en"
    key, text_key = s.pick([("to", "text"), ("recipient", "message"), ("person", "text")])
    tool = spec(s.pick(["send_message", "message", "send_mail", "text_to", "mesaj_gönder"]), s.pick(["Sends a message to a person", "Send a short message"]), **{key: (text(), True), text_key: (text(), True)})
    p = w.person(s)
    line = s.pick(["I am on my way", "see you tomorrow", "happy birthday", "the cake is ready", "I will be late", "thank you for the book", "call me back", "the meeting is over", "good luck today"]
                  if en else ["yoldayım", "yarın görüşürüz", "doğum günün kutlu olsun", "kek hazır", "geç kalacağım", "kitap için teşekkürler", "beni ara", "toplantı bitti", "bugün bol şans"])
    if en:
        asked = s.put(["Write to {p}: {x}", "Send {p} the message \"{x}\".", "Tell {p}: {x}", "Please send \"{x}\" to {p}.", "Message for {p}: {x}"], p=p, x=line)
        said = s.say(["The message to {p} is sent.", "Sent to {p}: {x}.", "Done, {p} has your message."], p=p, x=line)
        why = s.say(["{n} sends it to {p}.", "A message to {p}: I use {n}."], n=tool["name"], p=p)
    else:
        asked = s.put(["{pd} yaz: {x}", "{pd} \"{x}\" mesajını gönder.", "{pd} söyle: {x}", "Lütfen {pd} \"{x}\" gönder.", "{p} için mesaj: {x}"], p=p, pd=t.name(p, "dat"), x=line)
        said = s.say(["{pd} mesaj gönderildi.", "{pd} gönderdim: {x}.", "Tamam, mesajın {pd} ulaştı."], pd=t.name(p, "dat"), x=line)
        why = s.say(["{pd} {n} ile gönderiyorum.", "{pd} mesaj: {n}."], n=tool["name"], pd=t.name(p, "dat"))
    return Job(tool, asked, {key: p, text_key: line}, {"sent": True}, said, why)


def price(s):
    en = s.language == "en"
    key, count_key = s.pick([("item", None), ("product", None), ("item", "count"), ("name", "amount")])
    properties = {key: (text(), True)}
    if count_key:
        properties[count_key] = ({"type": "integer"}, False)
    tool = spec(s.pick(["get_price", "price", "shop_price", "find_price", "fiyat"]), s.pick(["Price of an item in the shop", "Looks up a price in lira"]), **properties)
    good = s.value(w.GOODS)
    count = s.between(2, 20) if count_key and s.chance(0.7) else None
    item = good[0] if en else good[2]
    total = good[3] * (count or 1)
    arguments = {key: item, **({count_key: count} if count else {})}
    if en:
        many = f"{count} {good[1]}" if count else f"a {item}" if item[0] not in "aeiou" else f"an {item}"
        asked = s.put(["How much is {m}?", "What does {m} cost?", "Price of {m}?", "Look up the price of {m}.", "I want to buy {m}. How much do I pay?", "Is {m} expensive?"], m=many)
        if count:
            asked = asked.replace("How much is", "How much are").replace("What does", "What do").replace("Is ", "Are ")
        said = s.say(["{m} {b} {v} lira.", "That is {v} lira.", "The price is {v} lira."], m=many[0].upper() + many[1:], b="cost" if count else "costs", v=total)
        why = s.say(["{n} knows the price of {i}.", "I look it up with {n}."], n=tool["name"], i=item)
    else:
        many = f"{count} {item}" if count else f"bir {item}"
        asked = s.put(["{m} kaç lira?", "{m} ne kadar?", "{m} fiyatı nedir?", "{m} için fiyata bakar mısın?", "{m} almak istiyorum, ne kadar öderim?", "{m} pahalı mı?"], m=many)
        asked = t.upper_first(asked)
        said = s.say(["{m} {v} lira.", "Fiyatı {v} lira.", "{v} lira tutar."], m=t.upper_first(many), v=total)
        why = s.say(["{i} fiyatını {n} bilir.", "Fiyata {n} ile bakıyorum."], n=tool["name"], i=item)
    return Job(tool, asked, arguments, {"price": total, "currency": "lira"}, said, why)


def light(s):
    en = s.language == "en"
    rooms = [("kitchen", "mutfak"), ("bedroom", "yatak odası"), ("living room", "salon"), ("bathroom", "banyo"), ("hall", "koridor"), ("garden", "bahçe"), ("office", "çalışma odası"), ("garage", "garaj")]
    room = s.value(rooms)[0 if en else 1]
    key = s.pick(["room", "place", "where"])
    on = s.chance(0.5)
    tool = spec(s.pick(["set_light", "light", "switch_light", "lamp", "ışık"]), s.pick(["Switches the light of a room", "Light on or off"]),
                **{key: (text(), True), "on": ({"type": "boolean"}, True)})
    if en:
        asked = s.put(["Turn {s} the light in the {r}.", "Switch the {r} light {s}.", "Light {s} in the {r}, please.", "Can you turn the {r} light {s}?"], r=room, s="on" if on else "off")
        said = s.say(["The light in the {r} is {s}.", "Done, it is {s} now."], r=room, s="on" if on else "off")
        why = s.say(["I set the {r} light with {n}.", "{n} does that."], r=room, n=tool["name"])
    else:
        verb = ["aç", "açar mısın", "yak"] if on else ["kapat", "kapatır mısın", "söndür"]
        asked = s.put(["{r} ışığını {v}.", "{r} için ışığı {v}.", "Lütfen {r} ışığını {v}.", "Işığı {v}: {r}"], r=room, v=s.pick(verb)).replace("mısın.", "mısın?")
        asked = t.upper_first(asked)
        said = s.say(["{r} ışığı {s}.", "Tamam, ışık şimdi {s}."], r=t.upper_first(room), s="açık" if on else "kapalı")
        why = s.say(["{r} ışığını {n} ile ayarlıyorum.", "Bunu {n} yapar."], r=room, n=tool["name"])
    return Job(tool, asked, {key: room, "on": on}, {"ok": True}, said, why)


FAMILIES = [weather, calculator, read_file, list_files, write_file, clock, reminder, message, price, light]
OFTEN = [weather] * 4 + [calculator] * 4 + [read_file] * 3 + FAMILIES
SYSTEM = {"en": ["", "", "You are a helpful assistant.", "You help with small tasks.", "Answer briefly.", "You are nano, a small assistant."],
          "tr": ["", "", "Yardımsever bir asistansın.", "Küçük işlere yardım edersin.", "Kısa cevap ver.", "Sen nano adında küçük bir asistansın."]}
THANKS = {"en": [("Thanks!", "You're welcome!"), ("Thank you.", "With pleasure."), ("Great, thanks.", "Any time!"), ("Perfect.", "Happy to help.")],
          "tr": [("Teşekkürler!", "Rica ederim!"), ("Sağ ol.", "Ne demek."), ("Harika, teşekkür ederim.", "Her zaman!"), ("Süper.", "Yardımcı olabildiysem ne güzel.")]}
FAILURES = {"en": [("not found", "I could not find it: the tool says \"not found\"."), ("timeout", "The tool did not answer in time. Shall I try again?"),
                   ("no connection", "The tool has no connection right now, so I cannot tell.")],
            "tr": [("not found", "Bulamadım: araç \"not found\" diyor."), ("timeout", "Araç zamanında cevap vermedi. Tekrar deneyeyim mi?"),
                   ("no connection", "Aracın şu an bağlantısı yok, bu yüzden söyleyemem.")]}


def unnamed(source, families, count):
    """Tools that are offered and not needed, none of them of the given families."""
    others = [family for family in FAMILIES if family not in families]
    return [family(source).spec for family in source.some(others, count)]


def system(source, specs):
    order = source.some(specs, len(specs))
    return {"role": "system", "content": source.pick(SYSTEM[source.language]), "tools": [{"type": "function", "function": one} for one in order]}


def call(number, job):
    return {"id": f"call_{number}", "type": "function", "function": {"name": job.spec["name"], "arguments": json.dumps(job.arguments, ensure_ascii=False)}}


def result(number, content):
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": json.dumps(content, ensure_ascii=False)}


def done(source, thinks):
    return (source.say(["The tool answered.", "Now I can answer.", "I have the result."] if source.language == "en" else ["Araç cevap verdi.", "Artık cevap verebilirim.", "Sonuç geldi."])) if thinks else None


def called(source, messages, job, number, thinks):
    """One question, its call, its result and the answer."""
    messages.append(user(job.asked))
    messages.append(assistant("", job.why if thinks else None, [call(number, job)]))
    if source.chance(0.05):
        error, said = source.pick(FAILURES[source.language])
        messages += [result(number, {"error": error}), assistant(said, done(source, thinks))]
    else:
        messages += [result(number, job.result), assistant(job.said, done(source, thinks))]


def two_jobs(source):
    """Two questions in one, of one tool."""
    family = source.pick([weather, clock, read_file, price])
    first = family(source)
    for _ in range(200):
        second = family(source)
        if second.arguments.keys() == first.arguments.keys() and second.arguments != first.arguments:
            second.spec = first.spec
            break
    else:
        return None
    if not first.asked.endswith((".", "?", "!", "\"")):
        first.asked += "."
    name_first = any(second.asked.startswith(str(value)) for value in second.arguments.values())
    rest = second.asked if name_first or second.asked.startswith("I ") else second.asked[0].lower() + second.asked[1:] if source.language == "en" else t.lower_first(second.asked)
    asked = first.asked.rstrip() + " " + (source.pick(["And", "Also:"]) if source.language == "en" else source.pick(["Bir de", "Ayrıca"])) + " " + rest
    return family, first, second, asked


def missing(source):
    """A question that lacks what the tool needs, and the question back."""
    if source.language == "en":
        return source.pick([
            (weather, ["How is the weather?", "Will it rain tomorrow?", "Is it warm outside?", "Weather, please.", "Do I need a coat today?"], ["For which city?", "Which city do you mean?", "Gladly. Where are you?"]),
            (read_file, ["Read my file.", "Open the file, please.", "Can you read a file for me?", "What is in the file?"], ["Which file shall I read?", "What is the file called?", "Tell me the name of the file, please."]),
            (reminder, ["Set a reminder.", "Remind me of something.", "I need a reminder."], ["Of what, and at what time?", "What shall I remind you of, and when?"]),
            (message, ["Send a message.", "Write to my friend.", "Can you send a message for me?"], ["To whom, and what shall I write?", "Who is it for, and what does it say?"])])
    return source.pick([
        (weather, ["Hava nasıl?", "Yarın yağmur yağacak mı?", "Dışarısı sıcak mı?", "Hava durumu lütfen.", "Bugün mont gerekir mi?"], ["Hangi şehir için?", "Hangi şehri soruyorsun?", "Memnuniyetle. Neredesin?"]),
        (read_file, ["Dosyamı oku.", "Dosyayı açar mısın?", "Benim için bir dosya okur musun?", "Dosyada ne var?"], ["Hangi dosyayı okuyayım?", "Dosyanın adı ne?", "Dosyanın adını söyler misin?"]),
        (reminder, ["Hatırlatıcı kur.", "Bana bir şey hatırlat.", "Bir hatırlatıcıya ihtiyacım var."], ["Neyi, saat kaçta?", "Ne için ve ne zaman kurayım?"]),
        (message, ["Mesaj gönder.", "Arkadaşıma yaz.", "Benim için mesaj atar mısın?"], ["Kime, ne yazayım?", "Kimin için ve ne yazsın?"])])


def no_call(source, thinks, small_talk):
    """Tools are there, but none is needed or none fits."""
    kind = source.pick(["talk", "talk", "missing", "missing", "unfit"])
    why = None
    if kind == "talk":
        asked, said = small_talk(source)
        specs = unnamed(source, [], source.between(1, 3))
        why = "No tool is needed here." if source.language == "en" else "Burada araca gerek yok."
    elif kind == "missing":
        family, asks, backs = missing(source)
        asked, said = source.ask(asks), source.pick(backs)
        specs = [family(source).spec] + unnamed(source, [family], source.between(0, 2))
        why = "Something is missing, so I ask." if source.language == "en" else "Bilgi eksik, sormalıyım."
    else:
        job = source.pick(FAMILIES)(source)
        family = next(f for f in FAMILIES if f.__name__ == job_family(job))
        specs = unnamed(source, [family] + ([read_file, list_files, write_file] if family in (read_file, list_files, write_file) else []), source.between(1, 2))
        asked = job.asked
        if family is calculator:  # it can do sums itself, so this would be no refusal
            return no_call(source, thinks, small_talk)
        said = limits.no_tool(source)
        why = "None of the tools can do that." if source.language == "en" else "Araçların hiçbiri bunu yapamaz."
    return specs, [user(asked), assistant(said, why if thinks else None)]


_names = {}


def job_family(job):
    if not _names:
        from .core import Source
        for family in FAMILIES:
            for language in ("en", "tr"):
                for n in range(60):
                    _names[family(Source("names", n, language)).spec["name"]] = family.__name__
    return _names[job.spec["name"]]


# Longer than this as JSON is longer than 512 tokens, and would be cut in a row of that size.
MOST_CHARACTERS = 1600


def document(source, small_talk):
    while True:
        entry = conversation(source, small_talk)
        if len(json.dumps(entry, ensure_ascii=False)) <= MOST_CHARACTERS:
            return entry


def conversation(source, small_talk):
    thinks = source.chance(0.4)
    kind = source.rng.random()
    if kind < 0.2:
        specs, messages = no_call(source, thinks, small_talk)
    elif kind < 0.28 and (two := two_jobs(source)):
        family, first, second, asked = two
        specs = [first.spec] + unnamed(source, [family], source.between(0, 2))
        messages = [user(asked), assistant("", first.why if thinks else None, [call(1, first), call(2, second)]), result(1, first.result), result(2, second.result),
                    assistant(first.said + " " + second.said if "\n" not in first.said else first.said + "\n" + second.said, done(source, thinks))]
    else:
        families = source.some(sorted(set(OFTEN), key=lambda f: f.__name__), 1) if source.chance(0.3) else [source.pick(OFTEN)]
        if source.chance(0.4):
            families += source.some([f for f in FAMILIES if f not in families], 1)
        jobs = [family(source) for family in families]
        specs = [job.spec for job in jobs] + unnamed(source, families, source.between(0, 2) if len(jobs) == 1 else 0)
        messages = []
        for number, job in enumerate(jobs, 1):
            called(source, messages, job, number, thinks)
        if source.chance(0.15):
            said, reply = source.pick(THANKS[source.language])
            messages += [user(said), assistant(reply, "" if thinks else None)]
    return {"messages": [system(source, specs)] + messages, "thinking_mode": "thinking" if thinks else "chat"}


def held_case(source, small_talk):
    kind = source.rng.random()
    mode = "thinking" if source.chance(0.4) else "chat"
    if kind < 0.15:
        specs, messages = no_call(source, False, small_talk)
        return {"messages": [system(source, specs), messages[0]], "thinking_mode": mode, "check": {"type": "no_call"}}
    if kind < 0.22 and (two := two_jobs(source)):
        family, first, second, asked = two
        specs = [first.spec] + unnamed(source, [family], source.between(0, 2))
        jobs = [first, second]
    else:
        family = source.pick(OFTEN)
        jobs = [family(source)]
        asked = jobs[0].asked
        specs = [jobs[0].spec] + unnamed(source, [family], source.between(1, 2))
    return {"messages": [system(source, specs), user(asked)], "thinking_mode": mode,
            "check": {"type": "tool_calls", "calls": [{"name": job.spec["name"], "arguments": job.arguments} for job in jobs]}}
