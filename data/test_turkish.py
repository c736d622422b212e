"""Known forms of Turkish words against the generator. Run: python3 -m unittest discover data"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from nano import turkish as t  # noqa: E402

NOUNS = """
ev pl evler | ev p1s evim | ev p3s loc evinde | ev pl p1s loc evlerimde | ev abl evden | ev dat eve | ev acc evi | ev gen evin
ev ins evle | kitap acc kitabı | kitap loc kitapta | kitap p1s kitabım | kitap pl kitaplar | kitap ins kitapla
ağaç acc ağacı | ağaç abl ağaçtan | ağaç pl dat ağaçlara | çocuk dat çocuğa | çocuk gen çocuğun | çocuk p3s çocuğu
renk acc rengi | renk pl renkler | renk p3s rengi | kanat p3s kanadı | kağıt dat kağıda
kedi acc kediyi | kedi gen kedinin | kedi dat kediye | kedi p1s kedim | kedi p3s kedisi | kedi p3s acc kedisini | kedi ins kediyle
araba p3s abl arabasından | araba p3s ins arabasıyla | araba p1p arabamız | araba p2p arabanız | araba loc arabada
burun p3s burnu | burun p1s burnum | şehir dat şehre | şehir loc şehirde | isim p2s ismin | resim acc resmi | oğul p3s oğlu
su acc suyu | su p3s suyu | su gen suyun | su dat suya | su abl sudan | saat dat saate | saat p3s saati | saat pl saatler
göz p3s gözü | gün pl günler | gün loc günde | okul dat okula | okul loc okulda | köpek p1s köpeğim | köpek pl köpekler
top acc topu | at acc atı | süt gen sütün | süt without sütsüz | tuz with tuzlu | şeker with şekerli | balık er balıkçı
kahve er kahveci | göz ness gözlük | dost ness dostluk | market loc markette | park loc parkta | sepet acc sepeti
kalem ins kalemle | ekmek acc ekmeği | ekmek er ekmekçi | yol abl yoldan | köy dat köye | deniz gen denizin | armut acc armudu
güç p3s gücü | cep loc cepte | cep p1s loc cebimde | yüz dat yüze | kapı gen kapının | pencere abl pencereden | ada pl abl adalardan
masa p3s gen masasının | defter p1s acc defterimi | arkadaş p1s ins arkadaşımla | anne p1s dat anneme | abla p3s dat ablasına
dört dat dörde | üç loc üçte | kırk abl kırktan | altı acc altıyı | rol acc rolü | futbol acc futbolü
"""
NAMES = """
Bursa loc Bursa'da | İzmir dat İzmir'e | İzmir abl İzmir'den | Zonguldak acc Zonguldak'ı | Sinop loc Sinop'ta | Ayşe gen Ayşe'nin
Ahmet ins Ahmet'le | Elif acc Elif'i | Konya abl Konya'dan | Muş loc Muş'ta | Van dat Van'a | Ömer gen Ömer'in | Zeynep gen Zeynep'in
Kars abl Kars'tan | Rize loc Rize'de | Tokat acc Tokat'ı | Ordu gen Ordu'nun | Oğuz dat Oğuz'a | Gül ins Gül'le | Ali ins Ali'yle
"""
VERBS = [
    (t.present("gel", "1s"), "geliyorum"), (t.present("bekle"), "bekliyor"), (t.present("oku", "2s"), "okuyorsun"),
    (t.present("git", "1p"), "gidiyoruz"), (t.present("ye", "3p"), "yiyorlar"), (t.present("söyle"), "söylüyor"),
    (t.present("yap", "1s", True), "yapmıyorum"), (t.present("oku", "3s", True), "okumuyor"), (t.present("gör"), "görüyor"),
    (t.present("iste", "1s", True), "istemiyorum"), (t.present("anla"), "anlıyor"), (t.present("uyu"), "uyuyor"),
    (t.past("gel", "1s"), "geldim"), (t.past("git"), "gitti"), (t.past("oku", "1p", True), "okumadık"), (t.past("gör", "2p"), "gördünüz"),
    (t.past("bak", "3p"), "baktılar"), (t.past("uç"), "uçtu"), (t.past("bul", "1s"), "buldum"), (t.past("ye"), "yedi"),
    (t.future("gel", "1s"), "geleceğim"), (t.future("oku"), "okuyacak"), (t.future("git", "1p", True), "gitmeyeceğiz"),
    (t.future("ye"), "yiyecek"), (t.future("git", "3p"), "gidecekler"), (t.future("yap", "2s"), "yapacaksın"),
    (t.aorist("gel"), "gelir"), (t.aorist("yap", "1s"), "yaparım"), (t.aorist("oku", "1p"), "okuruz"), (t.aorist("git"), "gider"),
    (t.aorist("çalış"), "çalışır"), (t.aorist("gel", "1s", True), "gelmem"), (t.aorist("gel", "3s", True), "gelmez"),
    (t.aorist("yap", "1p", True), "yapmayız"), (t.aorist("ver", "2p"), "verirsiniz"), (t.aorist("sev"), "sever"),
    (t.aorist(t.able("gel"), "1s"), "gelebilirim"), (t.aorist(t.able("oku")), "okuyabilir"), (t.aorist(t.able("git"), "1p"), "gidebiliriz"),
    (t.unable("gör") + "m", "göremem"), (t.unable("bak") + "z", "bakamaz"),
    (t.must("git", "1s"), "gitmeliyim"), (t.must("oku"), "okumalı"), (t.infinitive("gör"), "görmek"), (t.infinitive("yaz"), "yazmak"),
    (t.doing("yüz"), "yüzme"), (t.that_does("oku"), "okuyan"), (t.that_does("git"), "giden"), (t.having_done("al"), "alıp"),
    (t.having_done("oku"), "okuyup"), (t.by_doing("gül"), "gülerek"), (t.lets("git"), "gidelim"), (t.lets("oku"), "okuyalım"),
    (t.if_does("gel", "1s"), "gelsem"), (t.question("geliyor"), "mu"), (t.question("güzel"), "mi"), (t.question("kapı"), "mı"),
    (t.too("ben"), "de"), (t.too("kapı"), "da"), (t.was("güzel"), "güzeldi"), (t.was("araba"), "arabaydı"), (t.was("çocuk"), "çocuktu"),
]
NUMBERS = [
    (t.number_words(347), "üç yüz kırk yedi"), (t.number_words(100), "yüz"), (t.number_words(1905), "bin dokuz yüz beş"),
    (t.number(3, "loc"), "3'te"), (t.number(20, "dat"), "20'ye"), (t.number(4, "dat"), "4'e"), (t.number(6, "abl"), "6'dan"),
    (t.number(9, "acc"), "9'u"), (t.number(100, "gen"), "100'ün"), (t.number(40, "abl"), "40'tan"), (t.clock(14, 30, "loc"), "14:30'da"),
    (t.clock(9, 0, "loc"), "09:00'da"), (t.clock(8, 15, "dat"), "08:15'e"), (t.upper_first("iyi"), "İyi"), (t.upper_first("ısı"), "Isı"),
]


def cases(table):
    for entry in table.replace("\n", "|").split("|"):
        if entry.strip():
            word, *suffixes, expected = entry.split()
            yield word, suffixes, expected


class Turkish(unittest.TestCase):
    def test_nouns(self):
        for word, suffixes, expected in cases(NOUNS):
            self.assertEqual(t.noun(word, *suffixes), expected, (word, suffixes))

    def test_names(self):
        for word, suffixes, expected in cases(NAMES):
            self.assertEqual(t.name(word, *suffixes), expected)

    def test_verbs_and_numbers(self):
        for got, expected in VERBS + NUMBERS:
            self.assertEqual(got, expected)


if __name__ == "__main__":
    unittest.main()
