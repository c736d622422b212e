"""Answers that fit a JSON schema: facts are read out of a short text and written as the schema asks, no more and no less."""
import json

from . import world as w
from .core import assistant, user
from .world import t


def person_facts(s):
    """[(property names, schema, value, sentence)] of a person."""
    en = s.language == "en"
    name = w.person(s)
    p = w.Person(name, s.language)
    city, age = w.city(s), s.number(7, 80, "age")
    pet_name = w.made_up(s) if s.chance(0.4) else s.name(w.PET_NAMES)
    married, siblings = s.chance(0.5), s.between(0, 5)
    if en:
        return name, [
            (["age", "years"], {"type": "integer"}, age, s.say(["{n} is {x} years old.", "{n} is {x}.", "Age: {x}.", "{n} turned {x} this year."], n=name, x=age)),
            (["city", "home", "town"], {"type": "string"}, city, s.say(["{n} lives in {x}.", "Home is {x}.", "{n} has a flat in {x}.", "{n} moved to {x}."], n=name, x=city)),
            (["job", "work", "profession"], {"type": "string"}, p.job, s.say(["{n} works as a {x}.", "{n} is a {x} by profession.", "Job: {x}."], n=name, x=p.job).replace("a engineer", "an engineer")),
            (["pet", "animal"], {"type": "string"}, p.pet, s.say(["{n} has a {x}.", "{n} owns a {x}.", "There is a {x} in the house."], n=name, x=p.pet)),
            (["hobby", "likes_doing"], {"type": "string"}, p.hobby, s.say(["{n} loves {x}.", "{n} enjoys {x}.", "The hobby of {n} is {x}."], n=name, x=p.hobby)),
            (["food", "favourite_food"], {"type": "string"}, p.food, s.say(["The favourite food of {n} is {x}.", "{n} likes {x} best.", "For dinner {n} wants {x}."], n=name, x=p.food)),
            (["colour", "favourite_colour"], {"type": "string", "enum": [c[0] for c in w.COLOURS[:5]] + [p.colour] if p.colour not in [c[0] for c in w.COLOURS[:5]] else [c[0] for c in w.COLOURS[:5]]}, p.colour,
             s.say(["{n} likes the colour {x}.", "The favourite colour is {x}.", "{n} always wears {x}."], n=name, x=p.colour)),
            (["siblings", "brothers_and_sisters"], {"type": "integer"}, siblings, s.say(["{n} has {x} siblings.", "Siblings: {x}.", "{n} grew up with {x} brothers and sisters."], n=name, x=siblings)),
            (["married"], {"type": "boolean"}, married, s.say(["{n} is {x}.", "Status: {x}."], n=name, x="married" if married else "not married")),
        ]
    return name, [
        (["yas", "age"], {"type": "integer"}, age, s.say(["{n} {x} yaşında.", "Yaşı {x}.", "{n} bu yıl {x} oldu."], n=name, x=age)),
        (["sehir", "city"], {"type": "string"}, city, s.say(["{n} {xl} yaşıyor.", "Şehir: {x}.", "{n} {xd} taşındı."], n=name, x=city, xl=t.name(city, "loc"), xd=t.name(city, "dat"))),
        (["meslek", "job"], {"type": "string"}, p.job, s.say(["{n} {x} olarak çalışıyor.", "Mesleği {x}.", "Meslek: {x}."], n=name, x=p.job)),
        (["hayvan", "pet"], {"type": "string"}, p.pet, s.say(["{ng} bir {xp} var.", "Evde bir {x} var.", "Hayvanı bir {x}."], n=name, ng=t.name(name, "gen"), x=p.pet, xp=t.noun(p.pet, "p3s") if " " not in p.pet else p.pet)),
        (["yemek", "food"], {"type": "string"}, p.food, s.say(["{ng} en sevdiği yemek {x}.", "{n} en çok {x} sever.", "Akşama {n} {x} istiyor."], n=name, ng=t.name(name, "gen"), x=p.food)),
        (["renk", "colour"], {"type": "string", "enum": [c[1] for c in w.COLOURS[:5]] + [p.colour] if p.colour not in [c[1] for c in w.COLOURS[:5]] else [c[1] for c in w.COLOURS[:5]]}, p.colour,
         s.say(["{ng} sevdiği renk {x}.", "En sevdiği renk {x}.", "{n} hep {x} giyer."], n=name, ng=t.name(name, "gen"), x=p.colour)),
        (["kardes_sayisi", "siblings"], {"type": "integer"}, siblings, s.say(["{ng} {x} kardeşi var.", "Kardeş sayısı: {x}."], n=name, ng=t.name(name, "gen"), x=siblings)),
        (["evli", "married"], {"type": "boolean"}, married, s.say(["{n} {x}.", "Durumu: {x}."], n=name, x="evli" if married else "evli değil")),
    ]


def order_facts(s):
    en = s.language == "en"
    name, good = w.person(s), s.value(w.GOODS)
    count = s.between(2, 60)
    total, paid, city = count * good[3], s.chance(0.5), w.city(s)
    day = w.day_name(s, s.language)
    if en:
        return name, [
            (["item", "product"], {"type": "string"}, good[0], s.say(["{n} orders {c} pieces of: {x}.", "The order is for this item: {x}.", "Item: {x}."], n=name, c=count, x=good[0])),
            (["count", "quantity"], {"type": "integer"}, count, s.say(["The number of pieces is {x}.", "Quantity: {x}.", "{n} wants {x} of them."], n=name, x=count)),
            (["total", "price"], {"type": "number"}, total, s.say(["It costs {x} lira.", "The total is {x} lira.", "{n} has to pay {x} lira."], n=name, x=total)),
            (["paid"], {"type": "boolean"}, paid, s.pick(["It is paid.", "The bill is paid."] if paid else ["It is not paid yet.", "The bill is still open, not paid."])),
            (["city", "ship_to"], {"type": "string"}, city, s.say(["It goes to {x}.", "Please send it to {x}.", "Address: {x}."], x=city)),
            (["day", "weekday"], {"type": "string", "enum": w.DAYS["en"]}, day, s.say(["It should arrive on {x}.", "Delivery: {x}.", "{n} needs it by {x}."], n=name, x=day)),
        ]
    return name, [
        (["urun", "item"], {"type": "string"}, good[2], s.say(["{n} şunu sipariş etti: {x}.", "Sipariş edilen ürün: {x}.", "Ürün: {x}."], n=name, x=good[2])),
        (["adet", "count"], {"type": "integer"}, count, s.say(["{x} adet istedi.", "Adet: {x}.", "{n} {x} tane istiyor."], n=name, x=count)),
        (["toplam", "total"], {"type": "number"}, total, s.say(["Tutar {x} lira.", "Toplam {x} lira.", "{n} {x} lira ödeyecek."], n=name, x=total)),
        (["odendi", "paid"], {"type": "boolean"}, paid, s.pick(["Ödendi.", "Parası ödendi."] if paid else ["Henüz ödenmedi.", "Parası daha ödenmedi."])),
        (["sehir", "city"], {"type": "string"}, city, s.say(["{xd} gidecek.", "Lütfen {xd} gönderin.", "Adres: {x}."], x=city, xd=t.name(city, "dat"))),
        (["gun", "day"], {"type": "string", "enum": w.DAYS["tr"]}, day, s.say(["{x} günü varmalı.", "Teslim günü: {x}.", "{n} {x} gününe kadar istiyor."], n=name, x=day)),
    ]


def weather_facts(s):
    en = s.language == "en"
    city = w.city(s)
    sky, degrees = s.between(0, len(w.SKIES) - 1), s.between(-10, 38)
    wind, rain = s.between(0, 70), s.chance(0.5)
    if en:
        return city, [
            (["temperature", "degrees"], {"type": "integer"}, degrees, s.say(["{n}: {x} degrees.", "It has {x} degrees in {n}.", "Temperature {x}."], n=city, x=degrees)),
            (["sky", "weather"], {"type": "string"}, w.SKIES[sky][0], s.say(["It is {x}.", "The sky: {x}.", "The day is {x}."], x=w.SKIES[sky][0])),
            (["wind", "wind_kmh"], {"type": "number"}, wind, s.say(["The wind blows with {x} km/h.", "Wind: {x} km/h."], x=wind)),
            (["rain", "will_rain"], {"type": "boolean"}, rain, s.pick(["It will rain.", "Rain is expected."] if rain else ["It will stay dry, no rain.", "No rain is expected."])),
        ]
    return city, [
        (["sicaklik", "temperature"], {"type": "integer"}, degrees, s.say(["{n}: {x} derece.", "{nl} hava {x} derece.", "Sıcaklık {x}."], n=city, nl=t.name(city, "loc"), x=degrees)),
        (["gokyuzu", "sky"], {"type": "string"}, w.SKIES[sky][1], s.say(["Hava {x}.", "Gökyüzü: {x}.", "Gün {x}."], x=w.SKIES[sky][1])),
        (["ruzgar", "wind"], {"type": "number"}, wind, s.say(["Rüzgar saatte {x} km.", "Rüzgar: {x} km/s."], x=wind)),
        (["yagmur", "rain"], {"type": "boolean"}, rain, s.pick(["Yağmur yağacak.", "Yağmur bekleniyor."] if rain else ["Yağmur yağmayacak.", "Yağmur beklenmiyor."])),
    ]


def list_case(s):
    """Names of things in one array."""
    en = s.language == "en"
    goods = s.names(w.GOODS, s.between(2, 4))
    names = [g[0] if en else g[2] for g in goods]
    from .core import joined
    people = [w.person(s) for _ in range(s.between(2, 4))]
    if s.chance(0.5):
        key = s.pick(["items", "shopping", "things"] if en else ["urunler", "liste", "items"])
        line = s.say(["Please buy {l}.", "We need {l}.", "Shopping list: {l}."] if en else ["Lütfen {l} al.", "Bize {l} lazım.", "Alışveriş listesi: {l}."], l=joined(names, s.language))
        return line, {key: ({"type": "array", "items": {"type": "string"}}, names)}
    key = s.pick(["people", "guests", "names"] if en else ["kisiler", "misafirler", "names"])
    line = s.say(["{l} are coming tonight.", "The team is {l}.", "Invited: {l}."] if en else ["Bu akşam {l} geliyor.", "Takımda {l} var.", "Davetliler: {l}."], l=joined(people, s.language))
    return line, {key: ({"type": "array", "items": {"type": "string"}}, people)}


ASKS = {"en": ["{t}", "{t}", "Fill in the form: {t}", "{t} Give me that as JSON.", "Extract the data: {t}", "Turn this into JSON: {t}", "Read this and answer in the format: {t}", "Text: {t}", "Here is a note. {t}", "Please put this into the schema: {t}",
               "What does this say? {t}"],
        "tr": ["{t}", "{t}", "Formu doldur: {t}", "{t} Bunu JSON olarak ver.", "Verileri çıkar: {t}", "Bunu JSON yap: {t}", "Bunu oku ve biçime uygun cevap ver: {t}", "Metin: {t}", "İşte bir not. {t}", "Lütfen bunu şemaya yerleştir: {t}", "Burada ne yazıyor? {t}"]}
SYSTEM = {"en": ["", "", "You read texts and answer in JSON.", "You extract data.", "You are a helpful assistant."], "tr": ["", "", "Metinleri okur, JSON ile cevap verirsin.", "Veri çıkarırsın.", "Yardımsever bir asistansın."]}
NAME_KEYS = {"en": {"person": ["name", "person", "who"], "order": ["customer", "name", "buyer"], "weather": ["city", "place", "location"]},
             "tr": {"person": ["ad", "isim", "name"], "order": ["musteri", "ad", "name"], "weather": ["sehir", "yer", "city"]}}


def case(s):
    """(messages up to the answer, schema, answer)"""
    kind = s.pick(["person", "person", "order", "order", "weather", "list"])
    if kind == "list":
        line, fields = list_case(s)
        sentences = [line]
        properties = {key: schema for key, (schema, _) in fields.items()}
        value = {key: v for key, (_, v) in fields.items()}
    else:
        subject, facts = {"person": person_facts, "order": order_facts, "weather": weather_facts}[kind](s)
        # More is said than asked for, and the order differs.
        chosen = s.some(facts, s.between(1, min(4, len(facts))))
        also = [fact for fact in facts if fact not in chosen and s.chance(0.2)]
        sentences = [fact[3] for fact in s.some(chosen + also, 9)]
        if not any(subject in sentence for sentence in sentences):
            intro = {"en": {"person": "This is about {n}.", "order": "{n} has placed an order.", "weather": "News from {n}."}, "tr": {"person": "Konu {n}.", "order": "{n} sipariş verdi.", "weather": "{n} için haber."}}
            sentences.insert(0, intro[s.language][kind].replace("{n}", subject))
        properties, value = {}, {}
        if s.chance(0.8):
            key = s.pick(NAME_KEYS[s.language][kind])
            properties[key], value[key] = {"type": "string"}, subject
        for keys, schema, v, _ in chosen:
            key = s.pick([k for k in keys if k not in properties] or keys)
            if key in properties:
                continue
            properties[key], value[key] = schema, v
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    if s.chance(0.3):
        schema["additionalProperties"] = False
    given = s.pick([schema, {"type": "json_schema", "schema": schema}, {"type": "json_schema", "json_schema": {"name": kind, "schema": schema}}])
    asked = s.put(ASKS[s.language], t=" ".join(sentences))
    messages = [{"role": "system", "content": s.pick(SYSTEM[s.language]), "response_format": given}, user(asked)]
    return messages, schema, value


def document(source):
    messages, _, value = case(source)
    thinks = source.chance(0.3)
    why = source.pick(["I read the values from the text and write JSON alone.", "The answer must be JSON that fits.", "Only JSON, with the asked keys."] if source.language == "en" else
                      ["Değerleri metinden okuyup yalnızca JSON yazarım.", "Cevap, biçime uyan JSON olmalı.", "Sadece JSON, istenen anahtarlarla."]) if thinks else None
    return {"messages": messages + [assistant(json.dumps(value, ensure_ascii=False), why)], "thinking_mode": "thinking" if thinks else "chat"}


def held_case(source):
    messages, schema, value = case(source)
    return {"messages": messages, "thinking_mode": "thinking" if source.chance(0.3) else "chat", "check": {"type": "json_schema", "schema": schema, "value": value}}
