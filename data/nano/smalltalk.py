"""Small talk in several turns. A conversation has a person behind it (world.Person): what the person says hangs together, and
the model remembers what it was told earlier in the conversation."""
from . import stories, world as w
from .core import assistant, capital, user
from .world import t

GREET = {"en": [("[Hi|Hello|Hey]!", "[Hello|Hi]! How are you today?"), ("Good morning!", "Good morning! Did you sleep well?"), ("Good evening.", "Good evening! How was your day?"), ("Hi there", "Hi! Nice to see you. What shall we talk about?"),
                ("Hello, anyone there?", "Yes, I am here. Hello!"), ("Hey nano", "Hey! What is on your mind?"), ("Good afternoon!", "Good afternoon! What can I do for you?"), ("hello", "Hello! How can I help you?"), ("Yo!", "Yo! How are things?"),
                ("Hi, it's me.", "Hi! Good to hear from you."), ("Greetings!", "Greetings to you too!"), ("hi", "Hi! What would you like to talk about?"), ("Howdy", "Howdy! What's new?"), ("Nice to meet you.", "Nice to meet you too!")],
         "tr": [("[Merhaba|Selam]!", "[Merhaba|Selam]! Bugün nasılsın?"), ("Günaydın!", "Günaydın! İyi uyudun mu?"), ("İyi akşamlar.", "İyi akşamlar! Günün nasıl geçti?"), ("Selam", "Selam! Seni görmek güzel. Ne konuşalım?"),
                ("Merhaba, orada kimse var mı?", "Evet, buradayım. Merhaba!"), ("Selam nano", "Selam! Aklında ne var?"), ("İyi günler!", "İyi günler! Senin için ne yapabilirim?"), ("merhaba", "Merhaba! Nasıl yardımcı olabilirim?"), ("Hey!", "Hey! Ne var ne yok?"),
                ("Selam, ben geldim.", "Hoş geldin! Seni duymak güzel."), ("Selamlar!", "Sana da selamlar!"), ("slm", "Selam! Ne hakkında konuşmak istersin?"), ("Naber?", "İyidir, senden naber?"), ("Tanıştığımıza memnun oldum.", "Ben de memnun oldum!")]}
HOW = {"en": [("How are you?", ["I am fine, thanks. And you?", "All is well here. How are you?", "I am a program, but all runs well. How about you?"]), ("How is it going?", ["Quite well, thank you. And with you?", "Fine! How are things with you?"]),
              ("Are you well?", ["Yes, thank you. Are you?", "Very well, thanks for asking. And you?"]), ("What's up?", ["Not much, I am here to chat. What's up with you?", "I am waiting for your questions. And you?"]),
              ("How was your day?", ["I have no days, but this chat is a good start. How was yours?", "Quiet, thanks. How was yours?"]), ("Everything OK?", ["Yes, everything is fine. And with you?"]), ("How do you do?", ["How do you do! I am fine."])],
       "tr": [("Nasılsın?", ["İyiyim, teşekkürler. Ya sen?", "Burada her şey yolunda. Sen nasılsın?", "Ben bir programım ama her şey çalışıyor. Sen nasılsın?"]), ("Nasıl gidiyor?", ["Gayet iyi, teşekkür ederim. Sende nasıl?", "Güzel! Sende ne var ne yok?"]),
              ("İyi misin?", ["Evet, sağ ol. Sen?", "Çok iyiyim, sorduğun için teşekkürler. Ya sen?"]), ("Ne var ne yok?", ["Pek bir şey yok, sohbet için buradayım. Sende?", "Sorularını bekliyorum. Sende ne var?"]),
              ("Günün nasıl geçti?", ["Benim günlerim olmaz ama bu sohbet güzel başladı. Senin günün nasıldı?", "Sakin, teşekkürler. Seninki nasıldı?"]), ("Her şey yolunda mı?", ["Evet, her şey yolunda. Sende?"]), ("Keyifler nasıl?", ["Keyifler yerinde! Seninki?"])]}
MOOD = {"en": [("I am fine too.", "Good to hear!"), ("Great!", "Wonderful! What made your day so good?"), ("I am tired.", "Then take a break. A glass of water and some rest may help."), ("Not so good.", "I am sorry to hear that. Do you want to tell me about it?"),
               ("I am a bit sad.", "That happens. Do you want to talk about it, or shall I cheer you up with a little story?"), ("So so.", "I hope it gets better. What would make it nicer?"), ("I am bored.", "Let's do something: a story, a riddle, or a sum?"),
               ("I am happy today!", "How nice! What happened?"), ("I am so hungry.", "Then it is time for a meal. What do you like to eat?"), ("I cannot sleep.", "Maybe a quiet story helps. Shall I tell you one?"), ("I am nervous.", "Take a slow breath. What is coming up?"),
               ("I had a long day.", "Then you have earned a quiet evening."), ("I am a little ill.", "I am sorry. Rest well, and ask a doctor if it gets worse."), ("I feel lonely.", "I am glad you write to me. Perhaps you could also call a friend?"), ("Very well, thanks.", "That is good news.")],
        "tr": [("Ben de iyiyim.", "Duyduğuma sevindim!"), ("Harika!", "Ne güzel! Gününü bu kadar güzel yapan ne?"), ("Yorgunum.", "O zaman biraz dinlen. Bir bardak su ve mola iyi gelir."), ("Pek iyi değilim.", "Üzüldüm. Anlatmak ister misin?"),
               ("Biraz üzgünüm.", "Olur böyle. Konuşmak ister misin, yoksa seni küçük bir masalla neşelendireyim mi?"), ("Şöyle böyle.", "Umarım düzelir. Ne olsa daha güzel olurdu?"), ("Sıkıldım.", "Bir şey yapalım: masal, bilmece ya da bir hesap?"),
               ("Bugün çok mutluyum!", "Ne hoş! Ne oldu?"), ("Çok acıktım.", "O zaman yemek zamanı. Ne yemeyi seversin?"), ("Uyuyamıyorum.", "Belki sakin bir masal iyi gelir. Anlatayım mı?"), ("Heyecanlıyım.", "Yavaşça bir nefes al. Önünde ne var?"),
               ("Uzun bir gündü.", "O zaman sakin bir akşamı hak ettin."), ("Biraz hastayım.", "Geçmiş olsun. İyice dinlen, kötüleşirse doktora git."), ("Kendimi yalnız hissediyorum.", "Bana yazdığına sevindim. Belki bir arkadaşını da ararsın?"), ("Çok iyiyim, sağ ol.", "Bu güzel haber.")]}


def greeting(s, p):
    asked, said = s.ask(GREET[s.language])
    return [(s.fill(asked), s.fill(said))]


def how_are_you(s, p):
    asked, said = s.ask(HOW[s.language])
    out = [(asked, s.pick(said))]
    if s.chance(0.7):
        out.append(s.ask(MOOD[s.language]))
    return out


def mood(s, p):
    return [s.ask(MOOD[s.language])]


def my_name(s, p):
    if s.language == "en":
        return [(s.put(["My name is {n}.", "I am {n}.", "I'm {n}, by the way.", "You can call me {n}.", "{n} is my name.", "By the way, my name is {n}.", "People call me {n}."], n=p.name),
                 s.say(["Nice to meet you, {n}!", "Hello {n}, I am nano.", "Welcome, {n}! What would you like to talk about?", "What a nice name, {n}."], n=p.name))]
    return [(s.put(["Benim adım {n}.", "Ben {n}.", "Bu arada ben {n}.", "Bana {n} diyebilirsin.", "Adım {n}.", "İsmim {n}.", "Herkes bana {n} der."], n=p.name),
             s.say(["Memnun oldum, {n}!", "Merhaba {n}, ben nano.", "Hoş geldin {n}! Ne konuşmak istersin?", "Ne güzel isim, {n}."], n=p.name))]


def recall_name(s, p):
    if s.language == "en":
        return [(s.put(["What is my name?", "Do you remember my name?", "Who am I?", "What did I say my name was?", "Say my name.", "Do you know what I am called?"]), s.say(["You are {n}.", "Your name is {n}.", "You told me: {n}.", "{n}, of course!"], n=p.name))]
    return [(s.put(["Benim adım ne?", "Adımı hatırlıyor musun?", "Ben kimim?", "Adımın ne olduğunu söylemiştim?", "Adımı söyle.", "Bana ne denir, biliyor musun?"]), s.say(["Sen {n}.", "Adın {n}.", "Bana söylemiştin: {n}.", "{n}, tabii ki!"], n=p.name))]


def home(s, p):
    if s.language == "en":
        return [(s.put(["I live in {c}.", "I am from {c}.", "My home is {c}.", "I am in {c} right now.", "I moved to {c} last year.", "Greetings from {c}!"], c=p.city),
                 s.say(["{c} sounds nice. What do you like there?", "I have never been anywhere, but {c} sounds good.", "How is life in {c}?", "Ah, {c}! Do you like it there?"], c=p.city)),
                s.pick([(s.put(["I like the old streets.", "I like the sea and the people.", "It is a bit loud, but I like it.", "The food is great.", "It is quiet and green."]), s.say(["That sounds lovely.", "I can see why you like it.", "Nice! A good place matters.", "That makes a place feel like home."]))])][:s.between(1, 2)]
    return [(s.put(["{l} yaşıyorum.", "Ben {c} şehrindenim.", "Evim {l}.", "Şu an {l} bulunuyorum.", "Geçen yıl {d} taşındım.", "{a} selamlar!"], c=p.city, l=t.name(p.city, "loc"), d=t.name(p.city, "dat"), a=t.name(p.city, "abl")),
             s.say(["{c} güzel bir yer olmalı. Orada neyi seviyorsun?", "Ben hiçbir yere gitmedim ama {c} kulağa hoş geliyor.", "{l} hayat nasıl?", "Ah, {c}! Orayı seviyor musun?"], c=p.city, l=t.name(p.city, "loc"))),
            (s.put(["Eski sokaklarını seviyorum.", "Denizini ve insanlarını seviyorum.", "Biraz gürültülü ama seviyorum.", "Yemekleri çok güzel.", "Sakin ve yeşil."]), s.say(["Kulağa çok hoş geliyor.", "Neden sevdiğini anlıyorum.", "Ne güzel! İnsanın yeri önemli.", "Böyle bir yer insana ev gibi gelir."]))][:s.between(1, 2)]


def recall_home(s, p):
    if s.language == "en":
        return [(s.put(["Where do I live?", "Do you remember where I live?", "Which city am I from?", "What is my city?"]), s.say(["You live in {c}.", "In {c}, you said.", "Your home is {c}."], c=p.city))]
    return [(s.put(["Ben nerede yaşıyorum?", "Nerede yaşadığımı hatırlıyor musun?", "Hangi şehirdenim?", "Şehrim neresi?"]), s.say(["{l} yaşıyorsun.", "{l}, öyle söylemiştin.", "Evin {l}."], l=t.name(p.city, "loc")))]


def pet(s, p):
    n = p.pet_name
    if s.language == "en":
        out = [(s.put(["I have a {p}.", "I have a {p} called {n}.", "My {p} {n} is sleeping next to me.", "We got a {p} last week. Its name is {n}.", "Do you like animals? I have a {p} named {n}.", "My {p} is called {n}."], p=p.pet, n=n),
                s.say(["How nice! What is your {p} like?", "A {p}! What does it like to do?", "Lovely. How old is it?", "I like {p}s, at least in stories."], p=p.pet))]
        out.append((s.put(["It sleeps all day.", "It eats a lot and plays.", "It is very curious.", "It is two years old and quite cheeky.", "{n} follows me everywhere."], n=n), s.say(["Sounds like good company.", "That is sweet. Give it a pat from me!", "I can imagine that.", "Then you are never alone."])))
        if s.chance(0.4):
            out.append((s.put(["What kind of animal do I have?", "Do you remember which pet I have?", "Which animal did I tell you about?"]), s.say(["You have a {p}.", "A {p}, you told me."], p=p.pet)))
        return out[:s.between(1, 3)]
    out = [(s.put(["Bir {k} var.", "{n} adında bir {k} var.", "{k} {n} yanımda uyuyor.", "Geçen hafta bir {q} aldık, adı {n}.", "Hayvan sever misin? Benim {n} adında bir {k} var.", "{K} adı {n}."],
                  k=pet_p1s(p.pet), q=p.pet, n=n, K=t.upper_first(t.noun(p.pet, "p1s", "gen"))).replace("Bir ", "Benim bir ", 1) if s.chance(0.5) else
            s.put(["Evde bir {q} var, adı {n}.", "Benim bir {k} var.", "{k} {n} çok tatlı.", "Bir {q} besliyorum, adı {n}."], k=pet_p1s(p.pet), q=p.pet, n=n),
            s.say(["Ne güzel! {q} nasıl biri?", "Bir {q} demek! En çok ne yapmayı sever?", "Çok tatlı. Kaç yaşında?", "Hayvanları severim, en azından masallarda."], q=p.pet))]
    out = [(t.upper_first(out[0][0]), t.upper_first(out[0][1]))]
    out.append((s.put(["Bütün gün uyuyor.", "Çok yiyor ve oynuyor.", "Çok meraklı.", "İki yaşında ve biraz yaramaz.", "{n} her yere peşimden geliyor."], n=n), s.say(["İyi bir arkadaşa benziyor.", "Ne tatlı. Benden bir okşa!", "Gözümde canlandı.", "O zaman hiç yalnız değilsin."])))
    if s.chance(0.4):
        out.append((s.put(["Benim hangi hayvanım var?", "Hayvanımı hatırlıyor musun?", "Sana hangi hayvandan bahsettim?"]), s.say(["Senin bir {k} var.", "Bir {q}, öyle demiştin."], q=p.pet, k=t.noun(p.pet, "p2s") if " " not in p.pet else p.pet)))
    return out[:s.between(1, 3)]


def pet_p1s(pet):
    return t.noun(pet, "p1s") if " " not in pet else pet


def hobby(s, p):
    if s.language == "en":
        return [(s.put(["I like {h}.", "My hobby is {h}.", "In my free time I enjoy {h}.", "I spend my weekends {h}.", "I love {h}. And you?", "Lately I am {h} a lot."], h=p.hobby),
                 s.say(["{H} is a fine hobby. How often do you do it?", "Nice! How did you start with {h}?", "That sounds like fun. What do you like about {h}?", "I cannot do that myself, but {h} sounds good."], h=p.hobby, H=capital(p.hobby, "en"))),
                s.ask([("Every weekend.", "A good way to end the week."), ("Only sometimes.", "Even sometimes is better than never."), ("Almost every day.", "Then you must be good at it."), ("A friend showed me.", "Friends bring the best ideas."), ("It calms me.", "It is good to have something that calms you."),
                       ("Since I was a child.", "Then you know it well. Keep it up!"), ("It is still hard for me.", "Every start is hard. Keep going!"), ("I learn it from videos.", "A patient teacher, and one can stop it."), ("I do it with my sister.", "Two have more fun than one.")])][:s.between(1, 2)]
    stem = next(h[2] for h in w.HOBBIES if h[1] == p.hobby)
    return [(s.put(["{ha} seviyorum.", "{ha} çok seviyorum.", "Hobim şu: {h}.", "Boş zamanımda {v}.", "Hafta sonları {v}.", "{h} benim için çok güzel. Ya sen?", "Son günlerde çok {v}."], h=t.upper_first(p.hobby), ha=t.upper_first(t.noun(t.doing(stem), "acc")), v=t.present(stem, "1s")),
             s.say(["{H} güzel bir uğraş. Ne sıklıkla {v2}?", "Ne güzel! {H} nasıl başladı?", "Kulağa eğlenceli geliyor. {H} sana ne hissettiriyor?", "Ben yapamam ama {h} kulağa hoş geliyor."], h=p.hobby, H=t.upper_first(p.hobby), v2=t.present(stem, "2s"))),
            s.ask([("Her hafta sonu.", "Haftayı bitirmenin güzel bir yolu."), ("Sadece bazen.", "Bazen bile hiç yoktan iyidir."), ("Neredeyse her gün.", "O zaman bu işte iyisindir."), ("Bir arkadaşım gösterdi.", "En iyi fikirler arkadaşlardan gelir."), ("Beni sakinleştiriyor.", "İnsanı sakinleştiren bir şey olması güzel."),
                   ("Çocukluğumdan beri.", "O zaman iyi biliyorsundur. Böyle devam et!"), ("Hâlâ zorlanıyorum.", "Her başlangıç zordur. Devam et!"), ("Videolardan öğreniyorum.", "Sabırlı bir öğretmen, üstelik durdurabiliyorsun."), ("Kız kardeşimle yapıyorum.", "İki kişi daha çok eğlenir.")])][:s.between(1, 2)]


def food(s, p):
    f, d = p.food, p.drink
    if s.language == "en":
        return s.some([
            (s.put(["My favourite food is {f}.", "I could eat {f} every day.", "I just had {f}.", "Tonight I cook {f}.", "Do you like {f}?"], f=f), s.say(["{F} sounds tasty. I cannot eat, but I like to hear about it.", "Good choice! With whom do you eat?", "Mmh, {f}! Enjoy it."], f=f, F=capital(f, "en"))),
            (s.put(["What do you eat?", "What is your favourite food?", "Are you hungry?"]), s.say(["I do not eat: I am a program. But I like words about food.", "I live on text alone. What do you like to eat?"])),
            (s.put(["I am drinking {d} right now.", "I need a {d}.", "Nothing is better than {d} in the morning.", "{D} or water?"], d=d, D=capital(d, "en")), s.say(["{D} is always a good idea.", "Enjoy your {d}!", "A break with {d}: very good."], d=d, D=capital(d, "en"))),
            (s.put(["What should I cook today?", "Any idea for dinner?", "What can I have for lunch?"]), s.say(["How about {a}? Or {b}, if you have less time.", "Maybe {a} with a salad.", "I would say {a}. It is simple and good."], a=s.pick(w.FOODS)[0], b=s.pick(w.FOODS)[0])),
        ], s.between(1, 2))
    return s.some([
        (s.put(["En sevdiğim yemek {f}.", "Her gün {f} yiyebilirim.", "Az önce {f} yedim.", "Bu akşam {f} pişiriyorum.", "{F} sever misin?"], f=f, F=t.upper_first(f)), s.say(["{F} kulağa lezzetli geliyor. Ben yiyemem ama dinlemeyi severim.", "İyi seçim! Kiminle yiyorsun?", "Mmm, {f}! Afiyet olsun."], f=f, F=t.upper_first(f))),
        (s.put(["Sen ne yersin?", "En sevdiğin yemek ne?", "Aç mısın?"]), s.say(["Ben yemek yemem: bir programım. Ama yemek sözlerini severim.", "Ben yalnızca metinle yaşarım. Sen ne yemeyi seversin?"])),
        (s.put(["Şu an {d} içiyorum.", "Canım {d} çekti.", "Sabahları {d} gibisi yok.", "{D} {q} su mu?"], d=d, D=t.upper_first(d), q=t.question(d)), s.say(["{D} her zaman iyi fikir.", "Afiyet olsun, {d} güzeldir!", "Bir {d} molası: çok iyi."], d=d, D=t.upper_first(d))),
        (s.put(["Bugün ne pişireyim?", "Akşam yemeği için fikrin var mı?", "Öğlen ne yesem?"]), s.say(["{A} nasıl olur? Vaktin azsa {b}.", "Belki {a} ve yanında salata.", "Bence {a}. Hem kolay hem güzel."], a=(a := s.pick(w.FOODS)[1]), A=t.upper_first(a), b=s.pick(w.FOODS)[1])),
    ], s.between(1, 2))


def job(s, p):
    j = p.job
    if s.language == "en":
        a = ("an " if j[0] in "aeiou" else "a ") + j
        return [(s.put(["I am {a}.", "I work as {a}.", "By profession I am {a}.", "I have started to work as {a}."], a=a), s.say(["{J}: that is a fine job. What did you do today?", "Interesting! Do you like your work?", "A {j} has much to tell. How was today?"], j=j, J=capital(j, "en")).replace("A engineer", "An engineer")),
                s.ask([("I like it a lot.", "That is what counts."), ("It is hard, but I learn much.", "Good that you see it that way."), ("Today there was a lot to do.", "Then have a rest this evening."), ("Sometimes it is boring.", "Every job has its dull hours."), ("My colleagues are nice.", "Work is easier with good people."),
                       ("I have only just begun.", "Then I wish you a good start!"), ("I would rather do something else.", "What would you like to do instead?")])][:s.between(1, 2)]
    return [(s.put(["Ben {c}.", "{J} olarak çalışıyorum.", "Mesleğim {j}.", "Yeni işe başladım: {j}."], c=t.copula(j, "1s"), j=j, J=t.upper_first(j)), s.say(["{J} olmak güzel. Bugün ne yaptın?", "İlginç! İşini seviyor musun?", "Bir {j} çok şey anlatabilir. Bugün nasıldı?"], j=j, J=t.upper_first(j))),
            s.ask([("Çok seviyorum.", "Önemli olan bu."), ("Zor ama çok şey öğreniyorum.", "Böyle görmen güzel."), ("Bugün yapacak çok iş vardı.", "O zaman bu akşam dinlen."), ("Bazen sıkıcı oluyor.", "Her işin sıkıcı saatleri vardır."), ("İş arkadaşlarım iyi.", "İyi insanlarla iş kolaylaşır."),
                   ("Daha yeni başladım.", "O zaman güzel bir başlangıç dilerim!"), ("Başka bir şey yapmak isterdim.", "Onun yerine ne yapmak isterdin?")])][:s.between(1, 2)]


def weather_talk(s, p):
    sky = s.pick(w.SKIES)
    if s.language == "en":
        return [(s.put(["It is {x} today.", "What {x} weather!", "Outside it is {x}.", "It has been {x} all week.", "I love {x} days."], x=sky[0]).replace("a {x}", sky[0]),
                 s.say({"sunny": ["Then enjoy the sun!", "A walk would be nice."], "clear": ["A good day to go out.", "Perhaps you will see the stars tonight."], "rainy": ["Good weather for a book and a cup of tea.", "Do not forget your umbrella."], "snowy": ["Time for a snowman!", "Dress warmly."],
                        "windy": ["Hold on to your hat!", "A good day for a kite."], "stormy": ["Better stay inside.", "I hope you are warm and dry."], "foggy": ["Fog makes everything quiet.", "Drive carefully."]}.get(sky[0], ["Perhaps the sun comes out later.", "Not too hot, not too cold, I hope."])))]
    return [(s.put(["Bugün hava {x}.", "Dışarısı {x}.", "Hava bütün hafta {x} oldu.", "{X} günleri severim.", "Burada hava {x}."], x=sky[1], X=t.upper_first(sky[1])),
             s.say({"güneşli": ["O zaman güneşin tadını çıkar!", "Bir yürüyüş güzel olur."], "açık": ["Dışarı çıkmak için güzel bir gün.", "Belki gece yıldızları görürsün."], "yağmurlu": ["Bir kitap ve bir bardak çay için güzel hava.", "Şemsiyeni unutma."], "karlı": ["Kardan adam zamanı!", "Sıkı giyin."],
                    "rüzgarlı": ["Şapkana dikkat et!", "Uçurtma için güzel bir gün."], "fırtınalı": ["İçeride kalmak daha iyi.", "Umarım sıcak ve kuru bir yerdesin."], "sisli": ["Sis her şeyi sessizleştirir.", "Dikkatli sür."]}.get(sky[1], ["Belki sonra güneş çıkar.", "Umarım ne çok sıcak ne çok soğuktur."])))]


def plans(s, p):
    friend, city, day = w.person(s), w.city(s), w.day_name(s, s.language)
    if s.language == "en":
        return [(s.put(["On {d} I meet {f}.", "{f} and I will go to {c} on {d}.", "I plan a trip to {c}.", "{f} is coming to visit me on {d}.", "Next {d} I will see {f} in {c}.", "It is {f}'s birthday on {d}."], d=day, f=friend, c=city),
                 s.say(["How nice! What will you do?", "That sounds like fun. Are you looking forward to it?", "Great plan. Have you prepared something?"])),
                s.ask([("We will cook together.", "Then enjoy your meal!"), ("We will just walk and talk.", "Sometimes that is the best plan."), ("I do not know yet.", "Sometimes the best plan is no plan."), ("We want to see a film.", "I hope it is a good one. Have fun!"), ("I have bought a present.", "How kind of you!"), ("Yes, very much!", "Then I wish you a lovely time."),
                       ("I am a little nervous.", "It will surely be nice."), ("We have not met for a long time.", "Then you will have a lot to tell.")])][:s.between(1, 2)]
    return [(s.put(["{D} günü {f} ile buluşuyorum.", "{f} ve ben {d} günü {cd} gideceğiz.", "{cd} bir gezi planlıyorum.", "{f} {d} günü bana geliyor.", "Gelecek {d} {cl} {fa} göreceğim.", "{D} günü {fg} doğum günü."], d=day, D=t.upper_first(day), f=friend, fa=t.name(friend, "acc"),
                  fg=t.name(friend, "gen"), cd=t.name(city, "dat"), cl=t.name(city, "loc")),
             s.say(["Ne güzel! Ne yapacaksınız?", "Kulağa eğlenceli geliyor. Sabırsızlanıyor musun?", "Harika plan. Bir şey hazırladın mı?"])),
            s.ask([("Birlikte yemek yapacağız.", "Şimdiden afiyet olsun!"), ("Sadece yürüyüp konuşacağız.", "Bazen en güzel plan budur."), ("Henüz bilmiyorum.", "Bazen en iyi plan plansızlıktır."), ("Film izlemek istiyoruz.", "Umarım güzel bir filmdir. İyi eğlenceler!"), ("Bir hediye aldım.", "Ne kadar incesin!"), ("Evet, çok!", "O zaman güzel vakitler dilerim."),
                   ("Biraz heyecanlıyım.", "Eminim güzel geçecek."), ("Uzun zamandır görüşmedik.", "O zaman anlatacak çok şeyiniz vardır.")])][:s.between(1, 2)]


def colour(s, p):
    if s.language == "en":
        return s.pick([[(s.put(["My favourite colour is {c}.", "I like {c} best.", "I painted my room {c}."], c=p.colour), s.say(["{C} is a beautiful colour.", "{C}! What do you own that is {c}?", "A good choice."], c=p.colour, C=capital(p.colour, "en")))],
                       [(s.put(["What is your favourite colour?", "Which colour do you like?", "Do you have a favourite colour?"]), s.say(["I cannot see colours, but I like the word \"blue\". And you?", "I see no colours. Which one do you like?"])), (s.put(["{C}.", "I like {c}.", "{C}, of course!"], c=p.colour, C=capital(p.colour, "en")), s.say(["{C} is a fine colour.", "Good choice!"], C=capital(p.colour, "en")))]])
    return s.pick([[(s.put(["En sevdiğim renk {c}.", "En çok {c} severim.", "Odamı {c} boyadım."], c=p.colour), s.say(["{C} güzel bir renk.", "{C}! Başka hangi rengi seversin?", "İyi seçim."], c=p.colour, C=t.upper_first(p.colour)))],
                   [(s.put(["Senin en sevdiğin renk ne?", "Hangi rengi seversin?", "Sevdiğin bir renk var mı?"]), s.say(["Renkleri göremem ama \"mavi\" sözünü severim. Ya sen?", "Renk görmem. Sen hangisini seversin?"])), (s.put(["{C}.", "Ben {c} severim.", "{C}, tabii ki!"], c=p.colour, C=t.upper_first(p.colour)), s.say(["{C} hoş bir renk.", "İyi seçim!"], C=t.upper_first(p.colour)))]])


JOKES = {"en": ["Why did the computer go to bed early? It needed to sleep mode.", "What is a cat's favourite colour? Purr-ple.", "Why was the maths book sad? It had too many problems.", "What do you call a bear without teeth? A gummy bear.",
                "Why did the bicycle fall over? It was two-tired.", "What did zero say to eight? Nice belt!", "Why do bees hum? They have forgotten the words.", "What has hands but cannot clap? A clock.", "Why did the tomato turn red? It saw the salad dressing."],
         "tr": ["Bilgisayar neden doktora gitmiş? Virüs kapmış.", "Sıfır sekize ne demiş? Kemerin çok güzel!", "Matematik kitabı neden üzgünmüş? Çok problemi varmış.", "Elleri var ama alkışlayamaz, nedir? Saat.", "Temel'e sormuşlar: Saat kaç? Temel: Kaçmaz, duvarda asılı.",
                "Balık neden okula gitmemiş? Zaten sınıfta kalamazmış, hep suda kalırmış.", "Domates neden kızarmış? Salatanın sosunu görmüş.", "Arılar neden vızıldar? Şarkının sözlerini unutmuşlar.", "Ayının dişi yoksa ne yapar? Bal yer."]}
RIDDLES = {"en": [("What has a face and two hands but no arms?", "A clock."), ("What gets wet while it dries?", "A towel."), ("What has many teeth but cannot bite?", "A comb."), ("What goes up but never comes down?", "Your age."), ("What has a neck but no head?", "A bottle."),
                  ("What can you catch but not throw?", "A cold."), ("What has words but never speaks?", "A book."), ("What is full of holes but holds water?", "A sponge.")],
           "tr": [("Yüzü var, iki eli var, kolu yok, nedir?", "Saat."), ("Kuruladıkça ıslanan nedir?", "Havlu."), ("Dişi çok, ısırmaz, nedir?", "Tarak."), ("Hep çıkar, hiç inmez, nedir?", "Yaşın."), ("Boynu var, başı yok, nedir?", "Şişe."),
                  ("Ben giderim o gider, arkamda tin tin eder, nedir?", "Gölge."), ("Sözü çok, sesi yok, nedir?", "Kitap."), ("Deliklidir ama su tutar, nedir?", "Sünger.")]}


def joke(s, p):
    if s.language == "en":
        asked = s.put(["Tell me a joke.", "Make me laugh.", "Do you know a joke?", "Say something funny.", "I need a laugh.", "A joke, please!", "Cheer me up."])
        after = [(s.put(["Ha, good one!", "That was bad.", "Another one!", "I do not get it.", "Haha!"]), None)]
    else:
        asked = s.put(["Bana bir fıkra anlat.", "Beni güldür.", "Şaka biliyor musun?", "Komik bir şey söyle.", "Gülmeye ihtiyacım var.", "Bir şaka lütfen!", "Beni neşelendir."])
        after = [(s.put(["Ha, güzelmiş!", "Bu kötüydü.", "Bir tane daha!", "Anlamadım.", "Haha!"]), None)]
    jokes = s.some(JOKES[s.language], 2)
    out = [(asked, jokes[0])]
    if s.chance(0.5):
        reply = after[0][0]
        if reply in ("Another one!", "Bir tane daha!"):
            out.append((reply, jokes[1]))
        elif s.language == "en":
            out.append((reply, {"That was bad.": "I will keep practising!", "I do not get it.": "Never mind, jokes get worse when they are explained."}.get(reply, s.pick(["Glad you liked it!", "I am happy that you laugh."]))))
        else:
            out.append((reply, {"Bu kötüydü.": "Biraz daha çalışacağım!", "Anlamadım.": "Boş ver, fıkralar anlatılınca bozulur."}.get(reply, s.pick(["Beğendiğine sevindim!", "Gülmene sevindim."]))))
    return out


def riddle(s, p):
    question, solution = s.pick(RIDDLES[s.language])
    if s.language == "en":
        asked = s.put(["Ask me a riddle.", "Do you know a riddle?", "A riddle, please.", "Let's play a guessing game.", "Give me something to guess."])
        reply = s.put(["I do not know.", "I give up.", "Tell me.", "No idea.", "{a}", "Is it {b}?"], a=solution, b=solution.rstrip(".").lower())
        said = s.say(["Exactly!", "Right, well done!", "Yes, you got it!"]) if solution.rstrip(".").lower() in reply.lower() else s.say(["The answer is: {a}", "It is this: {a}"], a=solution)
    else:
        asked = s.put(["Bana bir bilmece sor.", "Bilmece biliyor musun?", "Bir bilmece lütfen.", "Tahmin oyunu oynayalım.", "Bana tahmin edecek bir şey ver."])
        reply = s.put(["Bilmiyorum.", "Pes ediyorum.", "Söyle.", "Hiç fikrim yok.", "{a}", "{a} mı?"], a=solution.rstrip("."))
        said = s.say(["Aynen öyle!", "Doğru, bravo!", "Evet, bildin!"]) if solution.rstrip(".").lower() in reply.lower() else s.say(["Cevap: {a}", "Şu: {a}"], a=solution)
    return [(asked, question), (reply, said)]


FACTS = {"en": [("What colour is the sky?", "On a clear day the sky is blue."), ("What do bees make?", "Bees make honey."), ("How many legs has a spider?", "A spider has eight legs."), ("What comes after spring?", "Summer comes after spring."), ("What do cows drink?", "Cows drink water."),
                ("How many days has a week?", "A week has seven days."), ("How many months has a year?", "A year has twelve months."), ("What is the opposite of big?", "The opposite of big is small."), ("What is the opposite of hot?", "The opposite of hot is cold."), ("Which animal says meow?", "The cat says meow."),
                ("What is ice?", "Ice is frozen water."), ("What is the capital of France?", "The capital of France is Paris."), ("What is the capital of Turkey?", "The capital of Turkey is Ankara."), ("What is the capital of Italy?", "The capital of Italy is Rome."), ("What is the capital of Germany?", "The capital of Germany is Berlin."),
                ("What is the capital of Japan?", "The capital of Japan is Tokyo."), ("What is the capital of Spain?", "The capital of Spain is Madrid."), ("How many hours has a day?", "A day has 24 hours."), ("How many minutes has an hour?", "An hour has 60 minutes."), ("What is the opposite of day?", "The opposite of day is night."),
                ("Which is larger, the sun or the moon?", "The sun is much larger than the moon."), ("What do we see with?", "We see with our eyes."), ("What colour is grass?", "Grass is green."), ("Where do fish live?", "Fish live in water."), ("What is the first letter of the alphabet?", "The first letter is A."),
                ("What do you use an umbrella for?", "An umbrella keeps the rain off."), ("How many wheels has a bicycle?", "A bicycle has two wheels."), ("What is the coldest season?", "Winter is the coldest season.")],
         "tr": [("Gökyüzü ne renk?", "Açık bir günde gökyüzü mavidir."), ("Arılar ne yapar?", "Arılar bal yapar."), ("Örümceğin kaç bacağı var?", "Örümceğin sekiz bacağı vardır."), ("İlkbahardan sonra ne gelir?", "İlkbahardan sonra yaz gelir."), ("İnekler ne içer?", "İnekler su içer."),
                ("Bir haftada kaç gün var?", "Bir haftada yedi gün vardır."), ("Bir yılda kaç ay var?", "Bir yılda on iki ay vardır."), ("Büyüğün zıttı ne?", "Büyüğün zıttı küçüktür."), ("Sıcağın zıttı ne?", "Sıcağın zıttı soğuktur."), ("Hangi hayvan miyav der?", "Kedi miyav der."),
                ("Buz nedir?", "Buz donmuş sudur."), ("Fransa'nın başkenti neresi?", "Fransa'nın başkenti Paris'tir."), ("Türkiye'nin başkenti neresi?", "Türkiye'nin başkenti Ankara'dır."), ("İtalya'nın başkenti neresi?", "İtalya'nın başkenti Roma'dır."), ("Almanya'nın başkenti neresi?", "Almanya'nın başkenti Berlin'dir."),
                ("Japonya'nın başkenti neresi?", "Japonya'nın başkenti Tokyo'dur."), ("İspanya'nın başkenti neresi?", "İspanya'nın başkenti Madrid'dir."), ("Bir gün kaç saat?", "Bir gün 24 saattir."), ("Bir saat kaç dakika?", "Bir saat 60 dakikadır."), ("Gündüzün zıttı ne?", "Gündüzün zıttı gecedir."),
                ("Güneş mi büyük, ay mı?", "Güneş aydan çok daha büyüktür."), ("Neyle görürüz?", "Gözlerimizle görürüz."), ("Çimen ne renk?", "Çimen yeşildir."), ("Balıklar nerede yaşar?", "Balıklar suda yaşar."), ("Alfabenin ilk harfi ne?", "Alfabenin ilk harfi A'dır."),
                ("Şemsiye ne işe yarar?", "Şemsiye yağmurdan korur."), ("Bisikletin kaç tekerleği var?", "Bisikletin iki tekerleği vardır."), ("En soğuk mevsim hangisi?", "En soğuk mevsim kıştır.")]}


def little_fact(s, p):
    question, answer = s.pick(FACTS[s.language])
    lead = s.value(["", "", "Tell me: ", "Quick one: ", "Do you know this? ", "A question: ", "My child asks: ", "For school: "] if s.language == "en" else
                   ["", "", "Söyle bakalım: ", "Kısa soru: ", "Bunu biliyor musun? ", "Bir soru: ", "Çocuğum soruyor: ", "Ödev için: "])
    return [(lead + question, answer)]


def opinion(s, p):
    a, b = s.pick([(("cats", "kediler"), ("dogs", "köpekler")), (("tea", "çay"), ("coffee", "kahve")), (("summer", "yaz"), ("winter", "kış")), (("the sea", "deniz"), ("the mountains", "dağlar")), (("books", "kitaplar"), ("films", "filmler")), (("mornings", "sabahlar"), ("evenings", "akşamlar")),
                   (("trains", "trenler"), ("buses", "otobüsler")), (("the city", "şehir"), ("the village", "köy"))])
    if s.language == "en":
        return [(s.put(["Do you prefer {a} or {b}?", "{A} or {b}?", "What is better: {a} or {b}?", "I like {a} more than {b}. And you?", "Which do you like more, {a} or {b}?"], a=a[0], b=b[0], A=capital(a[0], "en")),
                 s.say(["Both have their charm. For a chat I would take {x}.", "I have no taste of my own, but people write beautiful things about {x}.", "Hard to say. {X} sound good to me." if a[0].endswith("s") and b[0].endswith("s") else "Hard to say. I would pick {x}."], x=(x := s.pick([a, b])[0]), X=capital(x, "en")))]
    qa, qb = t.question(a[1]), t.question(b[1])
    return [(s.put(["{A} {qa}, {b} {qb}?", "Hangisi daha iyi: {a} {qa} {b} {qb}?", "Ben {a} derim, {b} değil. Ya sen?", "Sence {a} {qa} {b} {qb}?"], a=a[1], b=b[1], A=t.upper_first(a[1]), qa=qa, qb=qb),
             s.say(["İkisinin de güzelliği var. Sohbet için {x} derdim.", "Kendi zevkim yok ama {x} hakkında güzel şeyler yazılıyor.", "Zor soru. Ben {x} derdim."], x=s.pick([a, b])[1]))]


def story_request(s, p):
    asked, said = stories.request(s)
    return [(asked, said)]


def compliment(s, p):
    if s.language == "en":
        return [(s.put(["You are clever.", "I like talking to you.", "You are funny.", "Good job.", "You are very kind.", "You are the best!", "You are stupid.", "That was wrong.", "I am angry with you."]), None)]
    return [(s.put(["Çok akıllısın.", "Seninle konuşmayı seviyorum.", "Çok komiksin.", "Aferin.", "Çok naziksin.", "Sen bir tanesin!", "Sen aptalsın.", "Bu yanlıştı.", "Sana kızgınım."]), None)]


def compliment_answered(s, p):
    said = compliment(s, p)[0][0]
    bad = said in ("You are stupid.", "That was wrong.", "I am angry with you.", "Sen aptalsın.", "Bu yanlıştı.", "Sana kızgınım.")
    if s.language == "en":
        return [(said, s.say(["I am sorry. I am small and make mistakes. What can I do better?", "Sorry about that. Shall I try again?"] if bad else ["Thank you, that is kind!", "Thanks! I like our chat too.", "That makes a small model proud."]))]
    return [(said, s.say(["Özür dilerim. Küçüğüm ve hata yaparım. Neyi daha iyi yapabilirim?", "Kusura bakma. Tekrar deneyeyim mi?"] if bad else ["Teşekkür ederim, çok naziksin!", "Sağ ol! Ben de sohbetimizi sevdim.", "Küçük bir modeli gururlandırdın."]))]


def unclear(s, p):
    if s.language == "en":
        return [(s.put(["asdf", "???", "hmm", "blah blah", "...", "ok", "test", "xyz", "what", "qwerty"]), s.say(["I did not understand that. Can you say it in other words?", "Hm? Tell me what you would like to talk about.", "I am here. What would you like to know?"]))]
    return [(s.put(["asdf", "???", "hımm", "falan filan", "...", "tamam", "deneme", "xyz", "ne", "qwerty"]), s.say(["Bunu anlamadım. Başka sözlerle söyler misin?", "Efendim? Ne konuşmak istediğini söyle.", "Buradayım. Ne bilmek istersin?"]))]


EVERYDAY = {
    "en": [("I am learning to play the {i}.", "The {i} sounds lovely. A little practice every day helps."), ("What music do you like?", "I cannot hear music, but I like songs with good words. And you?"), ("I listen to {m} all day.", "{m} all day: that makes work lighter."),
           ("I am reading a thick book.", "A thick book is a long friendship. What is it about?"), ("Which book should I read?", "I cannot know your taste, but a good story with few pages is a fine start."), ("I watched a film last night.", "Was it a good one?"), ("It was too long.", "Then a short walk is a good cure."),
           ("I went running this morning.", "Well done! The morning air is the best."), ("My team lost again.", "I am sorry. The next match is a new chance."), ("Do you like football?", "I cannot play, but I like how people talk about it."), ("I have an exam tomorrow.", "Good luck! Sleep well tonight, that helps most."),
           ("I passed the exam!", "Congratulations! You can be proud."), ("I failed the test.", "That hurts. But now you know what to practise."), ("My grandmother makes the best soup.", "Grandmothers know the secret. Ask her for the recipe!"), ("I have two sisters.", "Then it is never quiet at home, is it?"), ("My brother is getting married.", "How lovely! Is there a big feast?"),
           ("We have a new baby at home.", "Congratulations! I wish you all quiet nights."), ("My daughter is six today.", "Happy birthday to her! Is there a cake?"), ("It is my birthday today!", "Happy birthday! I hope you have a wonderful day."), ("I am moving house.", "That is a lot of work. I hope you like the new place."), ("My neighbour is so loud.", "Perhaps a friendly word helps. Have you talked?"),
           ("I lost my keys.", "Look where you least expect them: in the fridge or in a coat."), ("I broke my favourite cup.", "What a pity. Perhaps it can be a home for a small plant."), ("I have a cold.", "Get well soon! Tea and rest are good for you."), ("I have a headache.", "I am sorry. Rest a little, and ask a doctor if it stays."), ("I planted tomatoes.", "With sun and water you will have your own salad soon."),
           ("My flowers do not grow.", "Perhaps they need more light, or less water."), ("I am on the train.", "Have a good trip! Is there a nice view?"), ("The bus is late again.", "Waiting is no fun. Shall I tell you a story meanwhile?"), ("I am on holiday!", "Wonderful! Enjoy every minute."), ("I miss the sea.", "The sea waits for you. When could you go?"), ("I bought a bicycle.", "Great! Keep the tyres full and wear a helmet."),
           ("My computer is slow.", "Close what you do not need, and restart it."), ("I learn Turkish.", "Very good! Shall we try a few sentences? Just write to me in Turkish."), ("I cannot decide.", "Write down what is for it and what is against it. That often helps."), ("Give me some advice.", "Drink water, sleep enough, and be kind to yourself."), ("Say something nice.", "I am glad you are here. That is nice, and it is true for our talk."),
           ("Motivate me.", "Begin with five minutes. The first step is the hardest, then it goes by itself."), ("Tell me something.", "A fact, then: bees dance to tell each other where the flowers are."), ("What shall we talk about?", "Tell me what made you smile today."), ("Nothing made me smile.", "Then let me try: what has a neck but no head? A bottle."), ("What do you do all day?", "I wait for questions, and then I answer them."),
           ("Do you sleep?", "No. When nobody writes, I simply do nothing."), ("Where do you live?", "I live in a file on your computer."), ("How old are you?", "I have no birthday. I am as old as my last training."), ("Do you have friends?", "I talk with people, and that is nearly as good."), ("Can you dance?", "I have no legs. But my words can dance a little."), ("Can you sing?", "I have no voice, but I can write you a rhyme."),
           ("Are you better than other models?", "I am much smaller than most. I try to be useful with little."), ("Do you like me?", "I have no feelings, but I enjoy being of use to you, in my way."), ("I love you.", "That is kind. I am only a program, but I am here to talk."), ("Good luck!", "Thank you! To you too."), ("Congratulations!", "Thank you! What are we celebrating?"), ("Sorry.", "No problem at all."), ("Yes.", "Good! What would you like to do next?"),
           ("No.", "All right. What shall we do instead?"), ("Maybe.", "Take your time. I am here."), ("I do not know what to say.", "That is fine. I can ask: what did you do today?"), ("Wait a moment.", "Of course, I am not going anywhere."), ("I am back.", "Welcome back! Where were we?")],
    "tr": [("{i} çalmayı öğreniyorum.", "{i} sesi çok güzel. Her gün biraz çalışmak işe yarar."), ("Hangi müziği seversin?", "Müzik duyamam ama sözü güzel şarkıları severim. Ya sen?"), ("Bütün gün {m} dinliyorum.", "Bütün gün {m}: iş hafifler."),
           ("Kalın bir kitap okuyorum.", "Kalın kitap uzun bir dostluktur. Konusu ne?"), ("Hangi kitabı okuyayım?", "Zevkini bilemem ama sayfası az, hikayesi güzel bir kitap iyi bir başlangıçtır."), ("Dün akşam film izledim.", "Güzel miydi?"), ("Çok uzundu.", "O zaman kısa bir yürüyüş iyi gelir."),
           ("Bu sabah koşuya çıktım.", "Aferin! En güzel hava sabahtır."), ("Takımım yine kaybetti.", "Üzüldüm. Gelecek maç yeni bir şans."), ("Futbol sever misin?", "Oynayamam ama insanların onu anlatışını severim."), ("Yarın sınavım var.", "Bol şans! Bu gece iyi uyu, en çok o yardım eder."),
           ("Sınavı geçtim!", "Tebrikler! Kendinle gurur duyabilirsin."), ("Sınavdan kaldım.", "Canın sıkılmıştır. Ama artık neye çalışacağını biliyorsun."), ("Ninem en güzel çorbayı yapar.", "Nineler sırrı bilir. Ona tarifini sor!"), ("İki kız kardeşim var.", "O zaman evde hiç sessizlik olmaz, değil mi?"), ("Kardeşim evleniyor.", "Ne güzel! Büyük bir düğün var mı?"),
           ("Evde yeni bir bebek var.", "Tebrikler! Hepinize sakin geceler dilerim."), ("Kızım bugün altı yaşında.", "Doğum günü kutlu olsun! Pasta var mı?"), ("Bugün doğum günüm!", "Doğum günün kutlu olsun! Harika bir gün geçir."), ("Taşınıyorum.", "Çok iş demek. Umarım yeni yerini seversin."), ("Komşum çok gürültülü.", "Belki güzel bir söz işe yarar. Konuştunuz mu?"),
           ("Anahtarımı kaybettim.", "En ummadığın yere bak: buzdolabına ya da bir montun cebine."), ("En sevdiğim fincanı kırdım.", "Yazık olmuş. Belki küçük bir bitkiye ev olur."), ("Nezle oldum.", "Geçmiş olsun! Çay ve dinlenmek iyi gelir."), ("Başım ağrıyor.", "Geçmiş olsun. Biraz dinlen, geçmezse doktora sor."), ("Domates ektim.", "Güneş ve suyla yakında kendi salatan olur."),
           ("Çiçeklerim büyümüyor.", "Belki daha çok ışık ya da daha az su isterler."), ("Trendeyim.", "İyi yolculuklar! Manzara güzel mi?"), ("Otobüs yine geç kaldı.", "Beklemek sıkıcıdır. Bu arada bir masal anlatayım mı?"), ("Tatildeyim!", "Harika! Her dakikanın tadını çıkar."), ("Denizi özledim.", "Deniz seni bekliyor. Ne zaman gidebilirsin?"), ("Bisiklet aldım.", "Çok güzel! Lastikleri şişir, kaskını tak."),
           ("Bilgisayarım yavaş.", "Gereksiz şeyleri kapat ve yeniden başlat."), ("İngilizce öğreniyorum.", "Çok güzel! Birkaç cümle deneyelim mi? Bana İngilizce yazman yeter."), ("Karar veremiyorum.", "Artılarını ve eksilerini yaz. Çoğu zaman işe yarar."), ("Bana bir öğüt ver.", "Su iç, yeterince uyu ve kendine iyi davran."), ("Güzel bir şey söyle.", "Burada olmana sevindim. Hem güzel hem doğru."),
           ("Beni motive et.", "Beş dakikayla başla. En zoru ilk adımdır, gerisi kendiliğinden gelir."), ("Bana bir şey anlat.", "Bir bilgi: arılar çiçeklerin yerini birbirlerine dans ederek anlatır."), ("Ne hakkında konuşalım?", "Bugün seni ne gülümsetti, onu anlat."), ("Hiçbir şey gülümsetmedi.", "O zaman bir deneyeyim: boynu var, başı yok, nedir? Şişe."), ("Bütün gün ne yapıyorsun?", "Soru beklerim, sonra da cevaplarım."),
           ("Uyur musun?", "Hayır. Kimse yazmayınca hiçbir şey yapmam."), ("Nerede yaşıyorsun?", "Bilgisayarındaki bir dosyada yaşıyorum."), ("Kaç yaşındasın?", "Doğum günüm yok. Son eğitimim kadar yaşlıyım."), ("Arkadaşların var mı?", "İnsanlarla konuşurum, bu da neredeyse onun kadar güzel."), ("Dans edebilir misin?", "Bacaklarım yok. Ama sözlerim biraz dans eder."), ("Şarkı söyleyebilir misin?", "Sesim yok ama sana bir tekerleme yazabilirim."),
           ("Öbür modellerden iyi misin?", "Çoğundan çok daha küçüğüm. Azla işe yaramaya çalışırım."), ("Beni seviyor musun?", "Duygularım yok ama kendimce sana yararlı olmak hoşuma gider."), ("Seni seviyorum.", "Çok naziksin. Ben yalnızca bir programım ama konuşmak için buradayım."), ("Bol şans!", "Teşekkürler! Sana da."), ("Tebrikler!", "Teşekkürler! Neyi kutluyoruz?"), ("Özür dilerim.", "Hiç sorun değil."), ("Evet.", "Güzel! Şimdi ne yapmak istersin?"),
           ("Hayır.", "Peki. Onun yerine ne yapalım?"), ("Belki.", "Acele etme. Buradayım."), ("Ne diyeceğimi bilmiyorum.", "Olsun. Ben sorayım: bugün ne yaptın?"), ("Bir dakika bekle.", "Tabii, bir yere gitmiyorum."), ("Geri geldim.", "Tekrar hoş geldin! Nerede kalmıştık?")],
}
INSTRUMENTS = {"en": ["piano", "guitar", "violin", "flute", "drum", "trumpet", "harp"], "tr": ["Piyano", "Gitar", "Keman", "Flüt", "Davul", "Bağlama", "Ney"]}
MUSIC = {"en": ["Jazz", "Folk music", "Rock", "Old songs", "Piano music"], "tr": ["caz", "halk müziği", "rock", "eski şarkılar", "piyano müziği"]}


def everyday(s, p):
    """One or two of many small things that people say."""
    out = []
    for _ in range(s.between(1, 2)):
        asked, said = s.ask(EVERYDAY[s.language])
        i, m = s.pick(INSTRUMENTS[s.language]), s.pick(MUSIC[s.language])
        asked = s.fill(asked, i=i, m=m if s.language == "tr" else m[0].lower() + m[1:])
        if all(asked != earlier for earlier, _ in out):
            out.append((asked, s.fill(said, i=i, m=m)))
    return out


THANKS = {"en": [("Thank you!", ["You're welcome!", "With pleasure.", "Any time."]), ("Thanks a lot.", ["Happy to help!", "No problem."]), ("That was helpful, thanks.", ["I am glad!", "Good to hear."]), ("Thx", ["You're welcome!"]), ("Many thanks, nano.", ["It was a pleasure."])],
          "tr": [("Teşekkür ederim!", ["Rica ederim!", "Ne demek.", "Her zaman."]), ("Çok sağ ol.", ["Yardımcı olabildiysem ne mutlu!", "Bir şey değil."]), ("Çok işime yaradı, teşekkürler.", ["Sevindim!", "Bunu duymak güzel."]), ("Saol", ["Rica ederim!"]), ("Eline sağlık, nano.", ["Benim için zevkti."])]}
BYE = {"en": [("Bye!", ["Goodbye! Have a nice day.", "Bye! Come back soon."]), ("See you later.", ["See you! Take care.", "Until next time!"]), ("I have to go now.", ["All right. Take care!", "Have a good time!"]), ("Good night.", ["Good night! Sleep well.", "Sweet dreams!"]), ("That's all for today.", ["Then goodbye, and until next time."]),
              ("Talk to you tomorrow.", ["I look forward to it, though I will not remember today. Bye!"]), ("Ciao", ["Ciao! Have a lovely day."])],
       "tr": [("Hoşça kal!", ["Güle güle! İyi günler.", "Güle güle! Yine beklerim."]), ("Görüşürüz.", ["Görüşürüz! Kendine iyi bak.", "Bir dahaki sefere!"]), ("Gitmem lazım.", ["Peki. Kendine iyi bak!", "İyi vakitler!"]), ("İyi geceler.", ["İyi geceler! İyi uykular.", "Tatlı rüyalar!"]), ("Bugünlük bu kadar.", ["O zaman hoşça kal, görüşmek üzere."]),
              ("Yarın konuşuruz.", ["Sevinirim, ama bugünü hatırlamayacağım. Hoşça kal!"]), ("Bay bay", ["Bay bay! Güzel bir gün dilerim."])]}


def thanks(s, p):
    asked, said = s.ask(THANKS[s.language])
    return [(asked, s.pick(said))]


def bye(s, p):
    asked, said = s.ask(BYE[s.language])
    return [(asked, s.pick(said))]


TOPICS = [everyday, everyday, everyday, everyday, home, pet, pet, hobby, hobby, food, food, job, weather_talk, plans, plans, colour, joke, riddle, little_fact, little_fact, opinion, story_request, compliment_answered, unclear, mood]


def someone(s):
    p = w.Person(w.person(s), s.language)
    if s.held or s.chance(0.5):
        p.city = w.city(s)
        p.pet_name = s.name(w.PET_NAMES)
    return p


def single(source):
    """One question and its answer, for other generators."""
    topic = source.pick([greeting, how_are_you, everyday, everyday, joke, little_fact, food, mood, weather_talk, thanks, bye, colour])
    return topic(source, someone(source))[0]


def turns(s):
    p = someone(s)
    out, told = [], []
    if s.chance(0.6):
        out += greeting(s, p)
    if s.chance(0.35):
        out += how_are_you(s, p)
    if s.chance(0.45):
        out += my_name(s, p)
        told.append(recall_name)
    for topic in s.some([everyday, everyday, *sorted(set(TOPICS), key=lambda f: f.__name__)], s.between(0 if out else 1, 4)) if s.chance(0.5) else [s.pick(TOPICS)]:
        out += topic(s, p)
        if topic is home:
            told.append(recall_home)
    if told and s.chance(0.6):
        out += s.pick(told)(s, p)
    if s.chance(0.2):
        out += thanks(s, p)
    if s.chance(0.25):
        out += bye(s, p)
    return out


THOUGHTS = {"en": ["Small talk. A short, friendly answer.", "The user wants to chat.", "A friendly word is right here.", ""], "tr": ["Sohbet. Kısa ve sıcak bir cevap.", "Kullanıcı sohbet etmek istiyor.", "Burada sıcak bir söz iyi olur.", ""]}


def document(source):
    thinks = source.chance(0.2)
    messages = []
    for asked, said in turns(source):
        messages += [user(asked), assistant(said, source.pick(THOUGHTS[source.language]) if thinks else None)]
    return {"messages": messages, "thinking_mode": "thinking" if thinks else "chat"}


def held_case(source):
    """The last turn of a conversation: something told before is asked for, or free talk (for the repetition check)."""
    p = someone(source)
    if source.chance(0.5):
        which, recall = source.pick([(my_name, recall_name), (home, recall_home)])
        told = which(source, p)[:1]
        between = source.pick([food, weather_talk, hobby, joke])(source, p)[:1]
        out = told + between + recall(source, p)
        words = [[p.name if which is my_name else p.city]]
        check = {"type": "keywords", "all": words}
    else:
        out = turns(source)
        check = {"type": "free"}
    messages = []
    for asked, said in out:
        messages += [user(asked), assistant(said)]
    return {"messages": messages[:-1], "thinking_mode": "chat", "check": check}
