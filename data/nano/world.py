"""The small world that all generators talk about: the same people, places, shops, files and weather everywhere.

What is said of a person, a shop or a city follows from its name, so it is the same in every document.
"""
from . import turkish as t
from .core import is_held, split, text_hash

TURKISH_NAMES = """Ahmet Ayşe Mehmet Fatma Elif Zeynep Mustafa Emine Ali Hatice Hüseyin Merve Burak Ceren Deniz Ece Emre Esra Gizem Hakan
İrem Kaan Kerem Leyla Melis Murat Nazlı Okan Ömer Pınar Rüya Selin Serkan Sibel Tolga Tuğçe Umut Volkan Yasemin Yusuf Aslı Barış Can Defne
Derya Efe Eren Gül Hande İpek Kemal Levent Mine Nehir Oğuz Özge Sevgi Tarık Ufuk Zehra Buse Cem Dilara Ege Filiz Gökhan Ilgın Koray Lale
Metin Nur Onur Öykü Poyraz Sinan Şule Taner Ülkü Yavuz Arda Begüm Bora Çağla Doruk Ela Ferhat Güneş Harun Işık Kübra Mert""".split()
ENGLISH_NAMES = """Anna Ben Clara Daniel Emma Felix Grace Henry Isla Jack Kate Leo Mia Noah Olivia Peter Quinn Rose Sam Tara Victor Wendy Adam
Bella Charlie Daisy Ethan Fiona George Hannah Ivan Julia Kevin Lily Max Nora Oscar Paula Ruth Simon Tom Vera Will Zoe Alice Bruno Cora David
Edith Frank Gina Hugo Iris James Karen Lucas Maria Nick Oliver Penny Robert Sara Theo Violet Walter Amy Carl Diana Eric Flora Gavin Helen Jane
Ken Laura Martin Nina Owen Philip Rita Stella Tim Ursula Vince Amber Blake Colin Dora Elsa Fred Gloria Harry""".split()
TURKISH_CITIES = """Ankara İstanbul İzmir Bursa Antalya Konya Adana Trabzon Samsun Eskişehir Mersin Kayseri Gaziantep Denizli Sinop Rize Van
Kars Mardin Muğla Edirne Çanakkale Balıkesir Malatya Erzurum Ordu Bolu Aydın Sivas Tokat Amasya Artvin Isparta Uşak Yalova Hatay""".split()
WORLD_CITIES = """London Paris Berlin Rome Madrid Lisbon Vienna Prague Oslo Dublin Athens Cairo Tokyo Sydney Toronto Boston Chicago Lima Nairobi
Helsinki Warsaw Budapest Amsterdam Zurich Milan Seville Porto Geneva Hamburg Munich Lyon Bergen Krakow Naples Delhi Seoul Kyoto Denver
Seattle Dakar""".split()

DAYS = {"en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        "tr": ["pazartesi", "salı", "çarşamba", "perşembe", "cuma", "cumartesi", "pazar"]}
MONTHS = {"en": "January February March April May June July August September October November December".split(),
          "tr": "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık".split()}
MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

# (English, plural, Turkish, price in lira)
GOODS = [("apple", "apples", "elma", 8), ("pear", "pears", "armut", 9), ("orange", "oranges", "portakal", 7), ("lemon", "lemons", "limon", 5),
         ("loaf of bread", "loaves of bread", "ekmek", 12), ("notebook", "notebooks", "defter", 35), ("pencil", "pencils", "kurşun kalem", 10),
         ("book", "books", "kitap", 90), ("cup", "cups", "fincan", 60), ("candle", "candles", "mum", 25), ("egg", "eggs", "yumurta", 6),
         ("cookie", "cookies", "kurabiye", 15), ("tomato", "tomatoes", "domates", 4), ("potato", "potatoes", "patates", 3), ("rose", "roses", "gül", 30),
         ("ticket", "tickets", "bilet", 45), ("stamp", "stamps", "pul", 11), ("balloon", "balloons", "balon", 5), ("hat", "hats", "şapka", 150),
         ("scarf", "scarves", "atkı", 120), ("postcard", "postcards", "kartpostal", 18), ("spoon", "spoons", "kaşık", 22), ("plate", "plates", "tabak", 55),
         ("lamp", "lamps", "lamba", 240), ("chair", "chairs", "sandalye", 480), ("umbrella", "umbrellas", "şemsiye", 170), ("kite", "kites", "uçurtma", 65),
         ("marble", "marbles", "misket", 2), ("walnut", "walnuts", "ceviz", 3), ("seashell", "seashells", "deniz kabuğu", 4), ("brush", "brushes", "fırça", 28),
         ("key ring", "key rings", "anahtarlık", 40)]
# (English, Turkish noun)
PETS = [("cat", "kedi"), ("dog", "köpek"), ("parrot", "papağan"), ("rabbit", "tavşan"), ("turtle", "kaplumbağa"), ("goldfish", "japon balığı"),
        ("hamster", "hamster"), ("canary", "kanarya"), ("hedgehog", "kirpi"), ("pony", "midilli")]
PET_NAMES = """Pamuk Zeytin Boncuk Tarçın Karamel Limon Misket Fındık Duman Çilek Badem Kömür Leblebi Paşa Şeker Minnoş Bulut Biscuit Pepper Shadow Honey
Ginger Pebble Cloud Cocoa Mango Pickle Sunny Toffee Whisky Button Maple Poppy Rusty Socks Bamboo Clover Domino Hazel""".split()
# (English, Turkish, Turkish verb stem)
HOBBIES = [("reading", "kitap okumak", "kitap oku"), ("swimming", "yüzmek", "yüz"), ("painting", "resim yapmak", "resim yap"),
           ("cycling", "bisiklete binmek", "bisiklete bin"), ("cooking", "yemek yapmak", "yemek yap"), ("playing chess", "satranç oynamak", "satranç oyna"),
           ("gardening", "bahçeyle uğraşmak", "bahçeyle uğraş"), ("playing the guitar", "gitar çalmak", "gitar çal"),
           ("hiking", "doğada yürümek", "doğada yürü"), ("taking photos", "fotoğraf çekmek", "fotoğraf çek"), ("dancing", "dans etmek", "dans et"),
           ("singing", "şarkı söylemek", "şarkı söyle"), ("knitting", "örgü örmek", "örgü ör"), ("fishing", "balık tutmak", "balık tut"),
           ("stargazing", "yıldızları izlemek", "yıldızları izle"), ("baking", "kek pişirmek", "kek pişir"), ("running", "koşmak", "koş"),
           ("writing poems", "şiir yazmak", "şiir yaz"), ("playing football", "futbol oynamak", "futbol oyna"), ("solving puzzles", "bulmaca çözmek", "bulmaca çöz")]
FOODS = [("pizza", "pizza"), ("soup", "çorba"), ("pasta", "makarna"), ("rice", "pilav"), ("pancakes", "krep"), ("salad", "salata"), ("stuffed peppers", "biber dolması"),
         ("lentil soup", "mercimek çorbası"), ("cheese toast", "kaşarlı tost"), ("apple pie", "elmalı turta"), ("baklava", "baklava"), ("omelette", "omlet"),
         ("grilled fish", "ızgara balık"), ("chocolate cake", "çikolatalı pasta"), ("yoghurt", "yoğurt"), ("dumplings", "mantı"), ("ice cream", "dondurma")]
DRINKS = [("tea", "çay"), ("coffee", "kahve"), ("lemonade", "limonata"), ("ayran", "ayran"), ("orange juice", "portakal suyu"), ("hot chocolate", "sıcak çikolata"),
          ("mint tea", "nane çayı"), ("milk", "süt")]
COLOURS = [("red", "kırmızı"), ("blue", "mavi"), ("green", "yeşil"), ("yellow", "sarı"), ("purple", "mor"), ("orange", "turuncu"), ("white", "beyaz"), ("black", "siyah"),
           ("pink", "pembe"), ("grey", "gri")]
JOBS = [("teacher", "öğretmen"), ("doctor", "doktor"), ("baker", "fırıncı"), ("gardener", "bahçıvan"), ("nurse", "hemşire"), ("engineer", "mühendis"), ("student", "öğrenci"),
        ("fisherman", "balıkçı"), ("librarian", "kütüphaneci"), ("carpenter", "marangoz"), ("painter", "ressam"), ("farmer", "çiftçi"), ("pilot", "pilot"), ("cook", "aşçı"),
        ("journalist", "gazeteci"), ("tailor", "terzi"), ("bus driver", "otobüs şoförü"), ("musician", "müzisyen"), ("programmer", "programcı"), ("pharmacist", "eczacı")]
SKIES = [("sunny", "güneşli"), ("cloudy", "bulutlu"), ("rainy", "yağmurlu"), ("snowy", "karlı"), ("windy", "rüzgarlı"), ("foggy", "sisli"), ("clear", "açık"),
         ("stormy", "fırtınalı"), ("partly cloudy", "parçalı bulutlu")]
FOLDERS = ["notes", "docs", "work", "recipes", "photos", "school", "home", "projects", "letters", "data"]
FILE_WORDS = """todo shopping budget diary report plan ideas recipe letter trip garden budget2026 meeting homework list invoice summary chapter draft poem
schedule contacts inventory readme config results""".split()
FILE_ENDS = ["txt", "md", "csv", "json", "log"]
SYLLABLES = "ba be bi bo bu da de di do du ka ke ki ko la le li lo lu ma me mi mo na ne ni no pa pe pi ra re ri ro ru sa se si so ta te ti to va ve vi za ze zo".split()


KNOWN_NAMES = {*TURKISH_NAMES, *ENGLISH_NAMES, *TURKISH_CITIES, *WORLD_CITIES, *PET_NAMES}


def index(key, size):
    """A number below size that follows from the key."""
    return text_hash(key) % size


def made_up(source, low=2, high=3):
    """A word that nobody has seen: it teaches to copy. Which words are held out follows from their letters."""
    while True:
        word = "".join(source.pick(SYLLABLES) for _ in range(source.between(low, high))) + source.pick(["", "", "n", "r", "l", "s", "k"])
        if is_held(word) == source.held and word.capitalize() not in KNOWN_NAMES:
            return word.capitalize()


def person(source):
    """A person of the language; one in five has a made-up name."""
    if source.chance(0.2):
        return made_up(source)
    names = TURKISH_NAMES if source.chance(0.75 if source.language == "tr" else 0.25) else ENGLISH_NAMES
    return source.name(names)


def city(source):
    if source.chance(0.1):
        return made_up(source)
    return source.name(TURKISH_CITIES if source.chance(0.75 if source.language == "tr" else 0.3) else WORLD_CITIES)


class Person:
    """What is so of a person: it follows from the name."""

    def __init__(self, name, language):
        self.name = name
        self.language = language
        turkish = name in TURKISH_NAMES
        which = 0 if language == "en" else 1
        cities, pet_names = split(TURKISH_CITIES if turkish else WORLD_CITIES)[0], split(PET_NAMES)[0]
        self.city = cities[index(name + "city", len(cities))]
        self.age = 7 + index(name + "age", 70)
        self.job = JOBS[6 if self.age < 20 else index(name + "job", len(JOBS))][which]
        self.pet = PETS[index(name + "pet", len(PETS))][which]
        self.pet_name = pet_names[index(name + "petname", len(pet_names))]
        self.hobby = HOBBIES[index(name + "hobby", len(HOBBIES))][which]
        self.food = FOODS[index(name + "food", len(FOODS))][which]
        self.drink = DRINKS[index(name + "drink", len(DRINKS))][which]
        self.colour = COLOURS[index(name + "colour", len(COLOURS))][which]


def weather(place, day):
    """(sky number, degrees) of a city on a day."""
    sky = index(f"{place}{day}sky", len(SKIES))
    degrees = {3: -5 + index(f"{place}{day}c", 8)}.get(sky, 4 + index(f"{place}{day}c", 30))
    return sky, degrees


def file_name(source):
    word = source.pick(FILE_WORDS) if source.chance(0.5) else made_up(source, 2, 3).lower()
    if source.chance(0.2):
        word += "_" + source.pick(["old", "new", "2", "final", "march"])
    return f"{word}.{source.pick(FILE_ENDS)}"


def path(source):
    folder = source.pick(FOLDERS) if source.chance(0.8) else made_up(source, 1, 2).lower()
    return f"{folder}/{file_name(source)}"


def day_name(source, language):
    return source.pick(DAYS[language])


def lira(n, language):
    return f"{n} lira"


__all__ = [name for name in dir() if not name.startswith("_")] + ["t"]
