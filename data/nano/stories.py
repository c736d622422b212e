"""Short stories and rhymes. A story has a hero, a wish, a trouble, a helper and an end that fit together; a rhyme takes lines that
end alike."""
from . import world as w
from .core import assistant, capital, user
from .world import t

ANIMALS = [("fox", "tilki"), ("hedgehog", "kirpi"), ("bear", "ayı"), ("mouse", "fare"), ("owl", "baykuş"), ("rabbit", "tavşan"), ("frog", "kurbağa"), ("squirrel", "sincap"), ("duck", "ördek"), ("cat", "kedi"), ("dog", "köpek"), ("turtle", "kaplumbağa"),
           ("snail", "salyangoz"), ("sparrow", "serçe"), ("donkey", "eşek"), ("crab", "yengeç"), ("bee", "arı"), ("goat", "keçi"), ("robot", "robot"), ("dragon", "ejderha")]
ADJECTIVES = [("small", "küçük"), ("brave", "cesur"), ("curious", "meraklı"), ("shy", "utangaç"), ("lazy", "tembel"), ("cheerful", "neşeli"), ("clever", "akıllı"), ("sleepy", "uykucu"), ("kind", "iyi kalpli"), ("hungry", "aç")]
# (English, Turkish)
PLACES = [("in a quiet forest", "sessiz bir ormanda"), ("in a small village by the sea", "deniz kenarında küçük bir köyde"), ("in a house on a hill", "bir tepedeki evde"), ("in an old mill", "eski bir değirmende"), ("in a garden full of flowers", "çiçek dolu bir bahçede"),
          ("in a town with crooked streets", "eğri sokaklı bir kasabada"), ("in a lighthouse", "bir deniz fenerinde"), ("in a barn behind the school", "okulun arkasındaki ahırda"), ("on an island without a name", "adı olmayan bir adada"), ("on a boat on the river", "nehirdeki bir teknede")]
WHEN = [("One morning", "Bir sabah"), ("One evening", "Bir akşam"), ("On a rainy day", "Yağmurlu bir günde"), ("One winter", "Bir kış"), ("On the first day of spring", "Baharın ilk gününde"), ("One windy afternoon", "Rüzgarlı bir öğleden sonra"), ("Late at night", "Gecenin geç bir saatinde")]

# A plot: the sentences in order; each has variants. {h} hero, {H} at the start, {k} helper, {x} thing.
PLOTS = {
    "en": [
        [["{H} had lost {x}.", "{H} looked for {x} and could not find it."], ["{H} searched under the bed and behind the door, but it was gone.", "{H} looked everywhere, even in the soup.", "It was not at home and not in the street."],
         ["Then {h} met {k}. \"Why do you look so sad?\" asked {k}.", "\"Can I help?\" asked {k}, who was passing by."], ["Together they followed the little marks on the ground.", "They thought hard: where had {h} been the day before?", "{K} had sharp eyes and saw something shine in the grass."],
         ["There it was, under a leaf, and nothing was broken.", "At last they found it in a nest high up in a tree.", "It had been in the pocket the whole time, and both laughed."], ["From then on {h} took good care of it.", "{H} thanked {k}, and they stayed friends.", "\"Two find more than one,\" said {k}."]],
        [["{H} wanted to see the sea.", "{H} dreamed of the high mountains.", "{H} wanted to know where the river ends."], ["So {h} packed bread and a blanket and set out.", "Early in the day {h} closed the door and started to walk."], ["The way was long, and it began to rain.", "After a while the path split in two.", "Soon the legs of {h} grew tired."],
         ["Under a big tree sat {k}. \"Rest a little,\" said {k}, \"the way is still long.\"", "{K} came along with a cart. \"Get on,\" said {k}."], ["They shared the bread and told each other stories.", "They sang to make the way shorter."],
         ["When the sun came up, they had arrived. It was more beautiful than any dream.", "And then it lay before them, wide and bright."], ["{H} still tells of that day.", "\"The best part,\" said {h} later, \"was the company.\""]],
        [["{H} found a tiny seed.", "{H} got a seed as a present."], ["{H} put it into the earth and gave it water every day.", "{H} planted it next to the door."], ["For a long time nothing happened. \"Be patient,\" said {k}.", "Day after day there was only brown earth. \"It needs time,\" said {k}."],
         ["Then came a storm, and {h} held an umbrella over it the whole night.", "When it grew cold, {h} covered it with a scarf."], ["One day there was a green tip, and soon a flower as {c} as could be.", "At last it grew into a tree with {c} blossoms."], ["{H} shared the seeds with everybody.", "Now the whole place blooms every year."]],
        [["There was to be a big race, and {h} wanted to take part.", "All were getting ready for the great contest of songs, and {h} too."], ["\"You will never win,\" laughed the others.", "Nobody believed in {h} but {k}."], ["{H} practised every morning with {k}.", "{K} showed {h} a trick: breathe slowly and go on."],
         ["On the day itself the heart of {h} beat like a drum.", "When the day came, {h} was very nervous."], ["{H} did not come first, but helped one who had fallen, and all clapped.", "{H} came last and still smiled, for it had been fun.", "In the end {h} won, to the surprise of all."], ["That evening they celebrated with {f}.", "\"Next year again,\" said {h}."]],
        [["{H} could not sleep.", "{H} lay awake and listened to the wind."], ["Something went tap, tap, tap at the window.", "There was a strange noise on the roof."], ["{H} took a lamp and went to look.", "\"Who is there?\" called {h} in a small voice."],
         ["It was only {k}, who was afraid of the dark too.", "It was {k}, wet and cold from the rain."], ["{H} made hot milk, and they sat by the fire.", "{H} brought a blanket and some {f}."], ["When the clock struck twelve, both were fast asleep.", "After that neither of them was afraid of the dark."]],
        [["{H} baked a cake for the birthday of {k}.", "{H} wanted to give {k} something special."], ["But there was no sugar in the house.", "But the purse was empty."], ["So {h} took honey from the bees and apples from the garden.", "So {h} painted a picture of the two of them, with much {c}."],
         ["It looked a little crooked, and {h} was ashamed.", "On the way it began to rain, and {h} hid it under the coat."], ["\"It is the best present I ever got,\" said {k}.", "{K} laughed with joy and hugged {h}."], ["They ate and danced until late.", "And so a small thing became a great feast."]],
    ],
    "tr": [
        [["{H} {xa} kaybetmişti.", "{H} {xa} arıyor ama bulamıyordu."], ["Yatağın altına, kapının arkasına baktı, yoktu.", "Her yere baktı, çorbanın içine bile.", "Ne evde vardı ne sokakta."],
         ["Derken {ki} karşılaştı. {K}, \"Neden üzgünsün?\" diye sordu.", "Oradan geçen {k}, \"Yardım edeyim mi?\" dedi."], ["Birlikte yerdeki küçük izleri takip ettiler.", "Düşündüler: {h} dün neredeydi?", "{K} keskin gözleriyle otların arasında parlayan bir şey gördü."],
         ["İşte oradaydı, bir yaprağın altında, sapasağlam.", "Sonunda onu ağacın tepesindeki bir yuvada buldular.", "Meğer hep cepteymiş; ikisi de güldü."], ["O günden sonra {h} ona iyi baktı.", "{H} {kd} teşekkür etti ve hep arkadaş kaldılar.", "{K}, \"İki kişi bir kişiden çok bulur,\" dedi."]],
        [["{H} denizi görmek istiyordu.", "{H} yüksek dağların hayalini kuruyordu.", "{H} nehrin nerede bittiğini merak ediyordu."], ["Ekmeğini, battaniyesini alıp yola çıktı.", "Sabah erkenden kapıyı kapatıp yürümeye başladı."], ["Yol uzundu, yağmur da başladı.", "Bir süre sonra yol ikiye ayrıldı.", "Çok geçmeden bacakları yoruldu."],
         ["Büyük bir ağacın altında {k} oturuyordu. {K}, \"Biraz dinlen,\" dedi, \"yol daha uzun.\"", "{K} arabasıyla geldi. \"Atla,\" dedi."], ["Ekmeği paylaşıp birbirlerine masal anlattılar.", "Yol kısalsın diye şarkı söylediler."],
         ["Güneş doğduğunda varmışlardı. Her hayalden güzeldi.", "Sonunda karşılarındaydı, geniş ve parlak."], ["{H} o günü hâlâ anlatır.", "{H} sonradan, \"En güzeli yol arkadaşımdı,\" dedi."]],
        [["{H} minicik bir tohum buldu.", "{H} hediye olarak bir tohum aldı."], ["Onu toprağa ekti ve her gün suladı.", "Onu kapının yanına dikti."], ["Uzun süre hiçbir şey olmadı. {K}, \"Sabırlı ol,\" dedi.", "Günlerce yalnız kahverengi toprak vardı. {K}, \"Zaman ister,\" dedi."],
         ["Sonra fırtına çıktı, {h} bütün gece üstüne şemsiye tuttu.", "Havalar soğuyunca {h} üstünü atkıyla örttü."], ["Bir gün yeşil bir uç göründü, sonra da {c} bir çiçek açtı.", "Sonunda {c} çiçekli bir ağaç oldu."], ["{H} tohumları herkesle paylaştı.", "Şimdi orası her yıl çiçek açar."]],
        [["Büyük bir yarış olacaktı, {h} {da} katılmak istiyordu.", "Herkes büyük şarkı yarışmasına hazırlanıyordu, {h} {da}."], ["Ötekiler, \"Sen asla kazanamazsın,\" diye güldüler.", "{K} dışında kimse ona inanmadı."], ["{H} her sabah {ki} çalıştı.", "{K} ona bir sır verdi: yavaş nefes al ve devam et."],
         ["O gün geldiğinde {hg} kalbi davul gibi atıyordu.", "Gün gelince {h} çok heyecanlandı."], ["Birinci olamadı ama düşen birine yardım etti, herkes alkışladı.", "Sonuncu oldu ama yine de gülümsedi, çünkü çok eğlenmişti.", "Sonunda {h} kazandı, herkes şaştı."], ["O akşam {f} yiyerek kutladılar.", "{H}, \"Seneye yine,\" dedi."]],
        [["{H} uyuyamıyordu.", "{H} uyanık yatıp rüzgarı dinliyordu."], ["Pencereden tık, tık, tık diye bir ses geldi.", "Çatıda garip bir ses vardı."], ["Lambayı alıp bakmaya gitti.", "İncecik bir sesle, \"Kim var orada?\" diye sordu."],
         ["Meğer {k} imiş, o da karanlıktan korkuyormuş.", "Yağmurdan ıslanmış, üşümüş {k} idi."], ["{H} süt ısıttı, ateşin başında oturdular.", "{H} bir battaniye ve biraz {f} getirdi."], ["Saat on ikiyi vurduğunda ikisi de mışıl mışıl uyuyordu.", "Ondan sonra ikisi de karanlıktan korkmadı."]],
        [["{H} {kg} doğum günü için kek yaptı.", "{H} {kd} özel bir şey vermek istiyordu."], ["Ama evde şeker yoktu.", "Ama kesesi boştu."], ["O da arılardan bal, bahçeden elma aldı.", "O da ikisinin bol {c} bir resmini yaptı."],
         ["Biraz eğri oldu, {h} utandı.", "Yolda yağmur başladı, onu paltosunun altına sakladı."], ["{K}, \"Aldığım en güzel hediye bu,\" dedi.", "{K} sevinçle güldü ve ona sarıldı."], ["Geç saate kadar yiyip dans ettiler.", "Böylece küçük bir şey büyük bir şölen oldu."]],
    ],
}
THINGS = [("the red key", "kırmızı anahtarını"), ("an old map", "eski haritasını"), ("the silver bell", "gümüş zilini"), ("a blue button", "mavi düğmesini"), ("the magic pencil", "sihirli kalemini"), ("a little drum", "küçük davulunu"), ("the favourite hat", "en sevdiği şapkasını"),
          ("a golden nut", "altın cevizini"), ("the letter from grandmother", "ninesinden gelen mektubu"), ("a warm scarf", "sıcak atkısını")]
ENDS = {"en": ["", "", "", " The end.", " And that is the whole story.", " Good night!"], "tr": ["", "", "", " Son.", " Masal da burada biter.", " Gökten üç elma düştü.", " İyi geceler!"]}


def story(s, name=None, animal=None, long=True):
    """One paragraph."""
    which = 0 if s.language == "en" else 1
    child = animal is None and s.chance(0.3)
    animal = animal or s.pick(ANIMALS)
    name = name or w.person(s)
    helper_animal = s.pick([a for a in ANIMALS if a != animal])
    adjective, place = s.pick(ADJECTIVES)[which], s.pick(PLACES)[which]
    food, colour, thing = s.pick(w.FOODS)[which], s.pick(w.COLOURS)[which], s.pick(THINGS)[which]
    if s.language == "en":
        kind = "child" if child else animal[0]
        article = "an" if adjective[0] in "aeiou" else "a"
        first = s.say(["Once upon a time there was {a} {j} {k} called {n}, who lived {p}.", "{P} lived {a} {j} {k} named {n}.", "{n} was {a} {j} {k} who lived {p}.", "Once {a} {j} {k} called {n} lived {p}."], a=article, j=adjective, k=kind, n=name, p=place, P=capital(place, "en"))
        slots = {"h": name, "H": name, "k": "the " + helper_animal[0], "K": "The " + helper_animal[0], "x": thing, "f": food, "c": colour}
    else:
        kind = "çocuk" if child else animal[1]
        first = s.say(["Bir varmış bir yokmuş, {p} {n} adında {j} bir {k} yaşarmış.", "{P} {n} adında {j} bir {k} yaşardı.", "{n}, {p} yaşayan {j} bir {k} idi.", "Evvel zaman içinde {p} {j} bir {k} yaşarmış, adı {n} imiş."], j=adjective, k=kind, n=name, p=place, P=t.upper_first(place))
        helper = helper_animal[1]
        slots = {"h": name, "H": name, "hg": t.name(name, "gen"), "da": t.too(name), "k": helper, "K": t.upper_first(helper), "ki": t.noun(helper, "ins"), "kd": t.noun(helper, "dat"), "kg": t.noun(helper, "gen"), "xa": thing, "f": food, "c": colour}
    plot = s.pick(PLOTS[s.language])
    sentences = [first]
    when = s.pick(WHEN)[which]
    for number, variants in enumerate(plot):
        if not long and number in (1, 4) and s.chance(0.5):
            continue
        sentence = s.say(variants, **slots)
        if number == 0 and s.chance(0.5):
            sentence = when + (", " if s.language == "en" else " ") + (sentence if sentence.startswith(name) else sentence[0].lower() + sentence[1:])
        sentences.append(capital(sentence, s.language))
    return " ".join(sentences) + s.pick(ENDS[s.language])


# Lines that end alike, several families.
LINES = {
    "en": [["The stars above are shining bright", "The cat is dreaming in the night", "The baker works by candle light", "I hold my lantern very tight", "The moon is round, the moon is white", "A little kite is out of sight"],
           ["The sun has put the sea to bed", "The apple on the tree is red", "I have a song inside my head", "My father bakes a loaf of bread", "\"Good night,\" the sleepy turtle said", "The spider spins a silver thread"],
           ["A bird is sitting in the tree", "It sings a song for you and me", "The waves are rolling in the sea", "The honey comes from a busy bee", "I drink a cup of morning tea", "The wind is wild, the wind is free"],
           ["The rain is tapping on the door", "The dog is sleeping on the floor", "I count my toys: one, two, three, four", "And then I want to hear some more", "The gulls are flying to the shore"],
           ["There was a mouse inside the house", "It wore a hat, a scarf, a blouse"], ["The train is rolling down the track", "It takes us there, it takes us back", "I put my lunch into my pack", "The road is long, the night is black"],
           ["The snow is soft, the snow is deep", "The hedgehog curls up and falls asleep", "On every hill there sits a sheep", "This is a secret I will keep"], ["My hat is blue, my shoes are new", "The sky above is wide and blue", "I wrote a little rhyme for you", "The owl is calling: who, who, who"],
           ["We dance and sing the whole long day", "In the warm and sunny month of May", "The kitten only wants to play", "The clouds have sailed so far away", "Come in, my friend, and please do stay"], ["The kettle sings a happy tune", "I hope to see you very soon", "The frog is singing to the moon", "I eat my soup with a silver spoon"]],
    "tr": [["Gökte parlar bir yıldız", "Uyur evde küçük kız", "Rüzgar eser hızlı hız", "Kalmayız biz hiç yalnız"], ["Kedi uyur minderde", "Ay parlıyor göklerde", "Kuşlar öter her yerde", "Mektup var postada bir yerde"],
           ["Bahçede bir elma var", "Dağda beyaz beyaz kar", "Yağmur yağar, sular akar", "Pencereden kedi bakar", "Nine sıcak soba yakar"], ["Bir gemi gider denize", "Selam söyler hepimize", "Bir çay koyar annem bize", "Oturalım diz dize"],
           ["Sabah olur, güneş doğar", "Annem bana süt sağar", "Bulut gelir, yağmur yağar"], ["Kirpi gider yavaş yavaş", "Sincap ona arkadaş", "Yolda vardır küçük bir taş", "Pişer sobada sıcak aş"],
           ["Kurbağa der vırak vırak", "Ördek yüzer ıslak ıslak", "Tavşan gezer şaşkın şaşkın bak", "Şimdi sen de bir türkü yak"], ["Tren gelir hoş gelir", "Odaları boş gelir", "Rüzgar ile kuş gelir", "Uzak yoldan düş gelir"],
           ["Mini mini bir serçe", "Konmuş küçük bir dala gece", "Söyledi bana bir bilmece", "Oku onu hece hece"], ["Evin önü dar sokak", "Elinde bir oyuncak", "Gel oynayalım çabucak", "Güneş açtı, hava sıcak"]],
}


def rhyme(s):
    families = [family for family in s.some(LINES[s.language], 3) if len(family) >= 2]
    lines = []
    for family in families[:s.pick([1, 2, 2, 3])]:
        lines += s.some(family, 2)
    if len(lines) == 2 and s.chance(0.7):
        family = families[0]
        rest = [line for line in family if line not in lines]
        lines += s.some(rest, 2) if len(rest) >= 2 else []
    return ",\n".join(lines) + "." if s.chance(0.5) else "\n".join(lines)


ASK_STORY = {"en": ["Tell me a story.", "Tell me a story about {a}.", "Can you tell a short story about {a}?", "I want to hear a story with {a}.", "A bedtime story, please.", "Write a short story about {a} called {n}.", "Make up a tale about {a} named {n}.", "Please tell a story about {n}, {a}.",
                    "Once upon a time...", "Story time! It should be about {a}.", "A little story for my child, please.", "Invent a story with {a}.", "Do you know a story about {a}?", "Tell us something about {a} called {n}.", "I would like a fairy tale."],
             "tr": ["Bana bir masal anlat.", "Bana {a} hakkında bir masal anlat.", "{A} hakkında kısa bir hikaye anlatır mısın?", "İçinde {a} olan bir masal dinlemek istiyorum.", "Uyku masalı lütfen.", "Adı {n} olan {a} hakkında kısa bir hikaye yaz.", "{n} adında {a} için bir masal uydur.",
                    "Lütfen {n} adlı {a} masalını anlat.", "Bir varmış bir yokmuş...", "Masal zamanı! {A} olsun.", "Çocuğum için küçük bir masal lütfen.", "{A} masalı uydur.", "{A} ile ilgili bir masal biliyor musun?", "{n} adlı {a} ile ilgili bir şey anlat.", "Bir peri masalı isterim."]}
ASK_RHYME = {"en": ["Write a rhyme.", "Tell me a poem.", "A short poem, please.", "Can you rhyme?", "Write me a little verse.", "Make a rhyme for children.", "Do you know a poem?", "Say something in rhymes.", "I need a verse for a card."],
             "tr": ["Bir tekerleme söyle.", "Bana bir şiir oku.", "Kısa bir şiir lütfen.", "Kafiyeli bir şey söyle.", "Bana küçük bir mani yaz.", "Çocuklar için bir tekerleme yap.", "Şiir biliyor musun?", "Kafiyeli konuşur musun?", "Kart için bir dörtlük lazım."]}
INTRO = {"en": ["", "", "", "Gladly! ", "Here is one: ", "With pleasure. "], "tr": ["", "", "", "Memnuniyetle! ", "İşte bir tane: ", "Seve seve. "]}


def request(s):
    if s.chance(0.3):
        return s.ask(ASK_RHYME[s.language]), rhyme(s)
    ask = s.ask(ASK_STORY[s.language])
    animal = s.pick(ANIMALS)
    name = w.person(s)
    a = ("an " if animal[0][0] in "aeiou" else "a ") + animal[0] if s.language == "en" else animal[1]
    if s.language == "tr" and "{a}" in ask and "hakkında" in ask and "bir {a}" not in ask:
        a = "bir " + a
    asked = s.fill(ask, a=a, A=t.upper_first(a) if s.language == "tr" else a, n=name)
    told = story(s, name if "{n}" in ask else None, animal if "{a}" in ask.lower() else None, s.chance(0.6))
    return asked, s.pick(INTRO[s.language]) + told


def document(source):
    if source.chance(0.3):
        return {"text": story(source)} if source.chance(0.8) else {"text": rhyme(source)}
    thinks = source.chance(0.15)
    asked, said = request(source)
    is_story = len(said) > 220
    why = source.pick(["A story: a hero, a wish, a trouble, a good end.", "Something short and friendly."] if source.language == "en" else ["Masal: bir kahraman, bir dilek, bir dert, iyi bir son.", "Kısa ve sıcak bir şey."]) if thinks and is_story else source.pick(["Lines that end alike.", "A rhyme, short and light."] if source.language == "en" else ["Sonu benzeyen satırlar.", "Kısa ve hafif bir tekerleme."]) if thinks else None
    messages = [user(asked), assistant(said, why)]
    if source.chance(0.3):
        after = source.pick([("That was nice!", "I am glad you liked it."), ("Thank you!", "You're welcome!"), ("I liked it.", "That makes me happy.")] if source.language == "en" else [("Çok güzeldi!", "Beğendiğine sevindim."), ("Teşekkürler!", "Rica ederim!"), ("Beğendim.", "Buna çok sevindim.")])
        messages += [user(after[0]), assistant(after[1], "" if thinks else None)]
    elif source.chance(0.15):
        again = "Another one, please." if source.language == "en" else "Bir tane daha lütfen."
        messages += [user(again), assistant(story(source, long=False) if is_story else rhyme(source), why)]
    return {"messages": messages, "thinking_mode": "thinking" if thinks else "chat"}


def held_case(source):
    asked, _ = request(source)
    return {"messages": [user(asked)], "thinking_mode": "chat", "check": {"type": "free"}}
