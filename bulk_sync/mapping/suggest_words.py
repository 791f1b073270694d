"""What columns are called, in a dozen languages: the words by which ``mapping suggest`` knows a header.

Phrases are compared without case, accents, signs and spaces: ``E-Mail``, ``e_mail`` and ``email`` are one. Besides the
API's fields there are four targets of its own: ``id`` and ``number`` find the record, ``fullName`` is a person's
whole name, to be split; ``title`` is a salutation or a job title, as its values tell.
"""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TARGETS: Mapping[str, str] = {
    "id": "id|client id|clientid|record id|heffl id|crm id|public id|clt id|id client|identifiant"
    "|identifiant client|kennung|id cliente|müşteri id|معرف العميل|معرف|ид|id клиента|identyfikator|klant id"
    "|id klienta",
    "number": "number|client number|customer number|customer no|client no|customer nr|cust no|cust number|kd nr"
    "|kdnr|kunden nr|kundennr|kundennummer|kunden nummer|kd nummer|numéro client|numero client|n client"
    "|no client|nº cliente|n cliente|numero cliente|número de cliente|codice cliente|cod cliente|código cliente"
    "|código de cliente|klantnummer|klantnr|klant nr|debiteurnummer|debitorennummer|debitor nr|debitorennr"
    "|müşteri no|müşteri numarası|رقم العميل|номер клиента|numer klienta|nr klienta|customer code|client code"
    "|code client|account number|account no|account nr|acct no|acct nr|acct",
    "name": "name|company|company name|business name|organisation|organization|organisation name"
    "|organization name|account name|account|client name|customer name|client|customer|firm|legal name"
    "|trade name|firma|firmenname|unternehmen|unternehmensname|firmenbezeichnung|kunde|kundenname|société"
    "|societe|entreprise|raison sociale|nom de la société|nom entreprise|nom société|empresa"
    "|nombre de la empresa|nombre empresa|razón social|nombre comercial|azienda|ragione sociale|nome azienda"
    "|società|nome da empresa|razão social|nome fantasia|bedrijf|bedrijfsnaam|naam bedrijf|şirket|şirket adı"
    "|firma adı|ünvan|unvan|müşteri adı|الشركة|اسم الشركة|اسم العميل|компания|название компании|организация"
    "|наименование|nazwa firmy|nazwa|przedsiębiorstwo|spółka|klant|klantnaam|cliente|nombre del cliente"
    "|nome cliente|nom du client|nom client|co name|comp name|organization 1 name|virksomhed|företag|yritys",
    "fullName": "full name|person name|contact name|contact person|contact|nom complet|vollständiger name"
    "|name vorname|ansprechpartner|ansprechpartnerin|kontaktperson|kontakt|nombre completo|nombre y apellidos"
    "|nome completo|volledige naam|contactpersoon|ad soyad|adı soyadı|isim soyisim|yetkili|yetkili kişi"
    "|ilgili kişi|الاسم الكامل|جهة الاتصال|اسم جهة الاتصال|фио|контактное лицо|контакт|imię i nazwisko"
    "|osoba kontaktowa|interlocuteur|persona de contacto|contacto|referente|persona di riferimento"
    "|pessoa de contato|contato|primary contact|main contact|attn|attention",
    "firstName": "first name|firstname|given name|forename|fname|f name|christian name|first|vorname|prénom"
    "|prenom|primer nombre|nome di battesimo|primeiro nome|voornaam|ad|adı|isim|الاسم الأول|الاسم الاول|имя"
    "|imię|nombre de pila|rufname",
    "lastName": "last name|lastname|surname|family name|lname|l name|last|nachname|familienname|zuname"
    "|nom de famille|apellido|apellidos|cognome|sobrenome|apelido|achternaam|familienaam|soyad|soyadı|soyisim"
    "|اسم العائلة|اللقب|фамилия|nazwisko|sur name",
    "salutation": "salutation|prefix|name prefix|honorific|honorific prefix|anrede|titel anrede|civilité|civilite"
    "|tratamiento|titolo di cortesia|tratamento|aanhef|hitap|обращение|zwrot grzecznościowy|form of address"
    "|mr mrs|courtesy title",
    "phone": "tel fixe|phone|phone number|telephone|telephone number|tel|tel no|tel nr|tel number|phone no"
    "|phone nr|ph|ph no|mobile|mobile phone|mobile number|mobile no|mob|mob no|cell|cell phone|cellphone"
    "|cellular|contact number|contact no|gsm|whatsapp|whatsapp number|landline|telefon|telefonnummer|telefon nr"
    "|telefonnr|rufnummer|handy|handynummer|mobil|mobiltelefon|mobilnummer|festnetz|téléphone|telephone fixe"
    "|portable|tél|téléphone portable|numéro de téléphone|teléfono|telefono|móvil|celular|número de teléfono"
    "|tfno|tlf|cellulare|telefone|telemóvel|telefoon|telefoonnummer|mobiel|cep|cep telefonu|telefon numarası"
    "|هاتف|الهاتف|رقم الهاتف|جوال|الجوال|رقم الجوال|موبايل|телефон|мобильный|номер телефона|моб тел|nr telefonu"
    "|numer telefonu|komórka|telefon komórkowy|tel mobile|mobile tel|phone mobile|direct phone|phone 1 value"
    "|primary phone|company main phone|phone work",
    "email": "email|e mail|mail|email address|e mail address|mail address|mail addr|email addr|email id|mail id"
    "|eml|mailadresse|e mail adresse|emailadresse|courriel|adresse mail|adresse e mail|adresse email"
    "|adresse courriel|correo|correo electrónico|dirección de correo|posta elettronica|indirizzo e mail"
    "|indirizzo email|correio eletrônico|e mailadres|mailadres|emailadres|e posta|eposta|e posta adresi"
    "|البريد الإلكتروني|البريد الالكتروني|بريد إلكتروني|ايميل|электронная почта|эл почта|почта|имейл"
    "|adres e mail|adres email|poczta|e mail 1 value|email 1 value|e mail1|email 1",
    "jobTitle": "job title|jobtitle|position|role|function|job|designation|occupation|job role|contact title"
    "|berufsbezeichnung|funktion|stellung|beruf|jobbezeichnung|fonction|poste|intitulé du poste|cargo|puesto"
    "|posizione|ruolo|qualifica|mansione|função|functie|functietitel|ünvanı|görev|pozisyon|المسمى الوظيفي"
    "|المنصب|الوظيفة|должность|stanowisko|organization 1 title|organization title",
    "website": "website|web site|web|url|homepage|home page|web page|webpage|site|web address|website url"
    "|company website|domain|company domain|company domain name|internet|webseite|internetseite|webadresse"
    "|site web|site internet|sitio web|página web|pagina web|sito|sito web|sítio web|site da empresa|webstek"
    "|web sitesi|internet sitesi|الموقع الإلكتروني|الموقع|موقع الويب|сайт|веб сайт|strona|strona www"
    "|strona internetowa|www|website 1 value",
    "title": "title|titel|titre|titolo|título|titulo|name title",
    "taxNumber": "tax number|tax no|tax id|taxid|tax nr|vat|vat number|vat no|vat nr|vat id|vat reg no"
    "|vat registration number|tax registration number|trn|trn no|tin|ein|gst|gstin|gst no|abn|ust id|ust idnr"
    "|ust id nr|ustid|ustidnr|umsatzsteuer id|umsatzsteuer identifikationsnummer|steuernummer|steuer nr|st nr"
    "|mwst nr|uid|uid nummer|tva|no tva|n tva|nº tva|numéro de tva|numéro tva|tva intracommunautaire"
    "|n tva intracommunautaire|siret|siren|nif|cif|cif nif|rfc|nit|rut|cuit|número fiscal|partita iva|p iva"
    "|piva|codice fiscale|cnpj|cpf|nipc|contribuinte|btw|btw nummer|btw nr|vergi no|vergi numarası"
    "|vergi kimlik no|vkn|الرقم الضريبي|رقم ضريبي|رقم التسجيل الضريبي|инн|nip|numer nip|tax registration"
    "|tax reg no",
    "type": "type|client type|customer type|record type|account type|contact type|kind|company or contact"
    "|entity type|kundentyp|kundenart|art|typ|type de client|tipo|tipo de cliente|tipo cliente|soort"
    "|müşteri tipi|نوع العميل|тип|тип клиента|typ klienta|is company",
    "billingAddress.address": "address|street|street address|address 1|address line 1|addr|addr 1|addr line 1"
    "|line 1|street 1|adresse|straße|strasse|str|straße hausnummer|strasse und hausnummer|straße nr|anschrift"
    "|strasse nr|rue|adresse 1|adresse ligne 1|calle|dirección|direccion|domicilio|via|indirizzo|endereço"
    "|morada|rua|logradouro|adres|straat|adresregel 1|sokak|cadde|عنوان|العنوان|الشارع|адрес|улица|ulica"
    "|full address|mailing street|office address|company address",
    "billingAddress.landmark": "landmark|nearest landmark|near landmark|point of reference|أقرب معلم|معلم"
    "|علامة مميزة|ориентир",
    "billingAddress.city": "city|town|city town|locality|place|municipality|ort|stadt|wohnort|ville|commune"
    "|localité|ciudad|localidad|población|municipio|città|citta|comune|cidade|localidade|stad|plaats|woonplaats"
    "|gemeente|şehir|sehir|il|ilçe|مدينة|المدينة|город|miasto|miejscowość|emirate city|city name",
    "billingAddress.state": "state|province|region|state province|state region|county|emirate|governorate"
    "|territory|bundesland|land kanton|kanton|région|département|provincia|estado|comunidad autónoma|regione"
    "|prov|uf|distrito|provincie|bölge|إمارة|الإمارة|المحافظة|المنطقة|регион|область|województwo|state code",
    "billingAddress.country": "country|country name|country code|country region|nation|ctry|land|staat"
    "|länderkennzeichen|lkz|pays|país|pais|paese|nazione|stato|ülke|ulke|دولة|الدولة|البلد|страна|kraj|państwo"
    "|nationality country",
    "billingAddress.postalCode": "postal code|postcode|post code|zip|zip code|zipcode|zip postal code|postal"
    "|pin code|pincode|eircode|plz|postleitzahl|code postal|cp|código postal|codigo postal|c p|cap"
    "|codice postale|cep brasil|código de endereçamento|postnummer|posta kodu|billing code|bill to code"
    "|الرمز البريدي|صندوق البريد|индекс|почтовый индекс|kod pocztowy|zip postcode",
}
"""Target → what its columns are called, joined by |."""

WEAK: Mapping[str, str] = {
    "name": "nom|nome|nombre|naam|isim|display name|related company|parent company|group",
    "billingAddress.address": "po box|p o box|post box|postfach|boîte postale|street 2|street2|location|area|district",
    "billingAddress.landmark": "address line 2|address 2|address2|line 2|addr 2|addr line 2|adresszusatz"
    "|adresse 2|building|complément d adresse|complement adresse|referencia|complemento|extended address|near",
    "jobTitle": "job position|department title",
}
"""The same for names that may as well mean something else: what they propose is always doubtful."""

PO_BOX = frozenset(["po box", "p o box", "post box", "postfach", "boîte postale"])
"""A box at the post office: part of an address, or what stands in a postal code's place."""

SECOND_CHOICE = _words(
    "mobile mobil mobiltelefon mobilephone handy handynummer cell cellphone cellular portable gsm whatsapp"
    " móvil celular cellulare telemóvel mobiel cep جوال الجوال мобильный komórka domain"
)
"""Where two columns fit one field alike, the one with such a word comes second: the landline is the company's phone."""

BILLING = _words(
    "billing bill billto invoice invoicing rechnung rechnungs facturation facturación facturacion factura"
    " fatturazione cobrança faturamento factuur facturatie fatura الفاتورة فاتورة الفوترة расчетный faktury"
    " rozliczeniowy rechnungsadresse rechnungsanschrift"
)
"""Words that make an address the billing address."""

CONTACT = _words(
    "contact ansprechpartner ansprechpartnerin ap kontakt kontaktperson contacto contatto contato"
    " contactpersoon yetkili ilgili المسؤول مسؤول контакт контактного kontaktowa kontaktowy person persona"
    " interlocuteur referente hauptansprechpartner poc representative rep decision maker"
)
"""Words that make a name, phone or e-mail that of the contact person."""

NEUTRAL = _words(
    "the of de des du la le del della da do der die das und and business work office primary main company"
    " corporate default customer client account current registered hq headquarters preferred official"
    " geschäftlich dienstlich kunde kunden firma firmen entreprise société empresa cliente azienda bedrijf"
    " şirket müşteri العميل الشركة клиента компании firmy klienta address adresse value 1 crm your org"
    " organization organisation mailing physical permanent"
)
"""Words that say little: a header is also tried without them."""

OTHER_PLACE = _words(
    "shipping ship shipto delivery deliver warehouse liefer lieferung lieferadresse lieferanschrift livraison"
    " envío envio spedizione consegna entrega levering bezorg teslimat sevkiyat شحن الشحن التوصيل доставки"
    " dostawy"
)
"""Words of a delivery address, which the API has no field for."""

NOT_THIS = _words(
    "owner assigned manager assistant spouse partner parent child children created creator modified updated"
    " last first date datum opt optout out consent status bounced bounce verified validated valid label count"
    " total score source medium campaign lead stage home private privat other 2 3 4 second secondary alternate"
    " alternative alt backup fax extension ext sales agent salesperson vendor supplier referred referral"
    " referrer bank iban swift emergency birth hash handle linkedin twitter linked facebook instagram skype"
    " associated deal deals subscription unsubscribed quality type preferred timezone latitude longitude"
    " billing2 zweit zweite zweite2 weitere andere autre otra otro altro outra ander diğer другой inny drugi"
    " yomi phonetic middle nickname besitzer inhaber betreuer zuständig propriétaire propietario responsable"
    " vertrieb"
)
"""Words that make a header something else than the field it resembles: another person's, a date, a second one."""
