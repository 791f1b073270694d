"""Names of countries that the ISO list and its translations do not have, as people write them."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("ar", "de", "es", "fr", "it", "nl", "pl", "pt", "ru", "tr")
"""Translations of the ISO list that are read; they come with pycountry."""

SHORT_NAMES: Mapping[str, str] = {
    "BN": "Brunei",
    "CD": "DR Congo",
    "CG": "Congo",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "GB": "United Kingdom",
    "LA": "Laos",
    "PS": "Palestine",
    "RU": "Russia",
    "VA": "Vatican City",
    "VN": "Vietnam",
}
"""Names to write where the ISO list's own is one that nobody writes. Others: its common name, then its name."""

ALIASES: Mapping[str, str] = {
    "AE": "UAE|U.A.E.|Emirates|United Arab Emirate|Emirats|EAU|VAE|Emirate|Dubai UAE|Abu Dhabi UAE|الإمارات|الامارات"
    "|دولة الإمارات|دولة الإمارات العربية المتحدة|ОАЭ|BAE|Birleşik Arap Emirlikleri|ZEA",
    "SA": "KSA|K.S.A.|Saudi|Kingdom of Saudi Arabia|Saudi Arabien|المملكة العربية السعودية|المملكه العربيه السعوديه",
    "GB": "UK|U.K.|Great Britain|Britain|England|Scotland|Wales|Northern Ireland|G.B.|Großbritannien|Grossbritannien"
    "|Royaume-Uni|Angleterre|Reino Unido|Inglaterra|Regno Unito|Inghilterra|Gran Bretagna|Engeland"
    "|Groot-Brittannië|İngiltere|Великобритания|Англия|Wielka Brytania|Anglia|Inglaterra|بريطانيا",
    "US": "USA|U.S.A.|U.S.|United States of America|America|Vereinigte Staaten|Estados Unidos|EE.UU.|EE UU|EEUU|EUA"
    "|Stati Uniti|États-Unis|Amerika|ABD|Amerika Birleşik Devletleri|США|Verenigde Staten|VS|VSA"
    "|Stany Zjednoczone|أمريكا|امريكا",
    "TR": "Turkey|Turkiye|Republic of Turkey|Türkei|Turquie|Turquía|Turchia|Turkije|Turquia|Турция|Turcja|تركيا",
    "NL": "Holland|The Netherlands|Hollanda|Holanda|Olanda|Hollande|Pays-Bas|Голландия",
    "DE": "BRD|Federal Republic of Germany|Bundesrepublik Deutschland|FRG",
    "CZ": "Czech Republic|Tschechische Republik|Tschechien|République tchèque|República Checa|Repubblica Ceca|Чехия",
    "KR": "Korea|South Korea|Republic of Korea|S. Korea|Südkorea|Corée du Sud|Corea del Sur|Corea del Sud",
    "KP": "North Korea|DPRK|Nordkorea|Corée du Nord|Corea del Norte|Corea del Nord",
    "RU": "Russia|Russian Federation|Россия|РФ|Rusya|Russland|Rússia|روسيا",
    "SY": "Syria|سوريا|Syrien|Syrie|Suriye|Siria",
    "IR": "Iran|Persia|إيران|ايران",
    "VN": "Vietnam|Viet Nam",
    "LA": "Laos",
    "BN": "Brunei",
    "CI": "Ivory Coast|Cote d Ivoire|Elfenbeinküste|Costa de Marfil",
    "CV": "Cape Verde",
    "SZ": "Swaziland",
    "MK": "Macedonia|FYROM|North Macedonia",
    "MM": "Burma|Birma",
    "PS": "Palestine|State of Palestine|Palestinian Territories|فلسطين",
    "VA": "Vatican|Vatican City|Holy See",
    "CD": "DR Congo|DRC|Democratic Republic of the Congo|Congo Kinshasa|Zaire",
    "CG": "Congo|Congo Republic of the|Congo Brazzaville|Republic of the Congo",
    "HK": "Hong Kong SAR|Hongkong",
    "MO": "Macau|Macao SAR",
    "TW": "Taiwan|R.O.C.|Taiwan ROC",
    "CN": "PRC|P.R. China|Mainland China|Peoples Republic of China|China PR",
    "CH": "Schweiz|Suisse|Svizzera|Switzerland|Helvetia",
    "BO": "Bolivia",
    "VE": "Venezuela",
    "TZ": "Tanzania",
    "MD": "Moldova|Moldavia",
    "FM": "Micronesia",
    "FK": "Falkland Islands|Malvinas",
    "TL": "East Timor",
    "GM": "The Gambia",
    "BS": "The Bahamas",
    "LY": "Libya|ليبيا",
    "IE": "Eire|Republic of Ireland",
    "NZ": "N.Z.|Aotearoa",
    "AU": "Aus",
    "ZA": "RSA|R.S.A.",
    "OM": "Sultanate of Oman|سلطنة عمان",
    "BH": "Kingdom of Bahrain|مملكة البحرين",
    "KW": "State of Kuwait|دولة الكويت",
    "QA": "State of Qatar|دولة قطر",
    "JO": "Hashemite Kingdom of Jordan|الأردن|الاردن",
    "EG": "Arab Republic of Egypt|مصر",
    "LB": "Lebanese Republic|لبنان",
    "GR": "Hellas|EL",
    "ES": "Espana",
    "BR": "Brasil",
    "IT": "Italia",
    "AT": "Osterreich|Oesterreich",
    "UA": "The Ukraine",
    "LK": "Ceylon",
    "KG": "Kirghizia",
    "BY": "Belorussia",
    "ST": "Sao Tome",
    "TT": "Trinidad",
    "BA": "Bosnia",
    "AG": "Antigua",
    "KN": "Saint Kitts|St Kitts|St Kitts and Nevis",
    "LC": "St Lucia",
    "VC": "St Vincent",
    "PM": "St Pierre and Miquelon",
    "SH": "St Helena|Saint Helena",
    "MF": "St Martin|Saint Martin",
    "BL": "St Barthelemy|St Barts",
    "SX": "St Maarten|Sint Maarten",
    "VG": "British Virgin Islands|BVI",
    "VI": "US Virgin Islands|USVI",
    "RE": "Reunion",
    "XK": "Kosovo|Republic of Kosovo|Kosova",
}
"""Two-letter code → names, joined by |. XK is no ISO code, but the one in use for Kosovo."""
