"""Names and descriptions in English, Chinese, French and Arabic, made from the parameters."""

from collections.abc import Mapping

LANGUAGES = ("en", "zh", "fr", "ar")

Words = tuple[str, str, str, str]
"""One term in each of LANGUAGES."""

NOUNS: Mapping[str, Words] = {
    "amphora": ("amphora", "双耳瓶", "amphore", "أمفورة"),
    "bowl": ("bowl", "碗", "bol", "وعاء"),
    "lobed_bowl": ("lobed bowl", "葵口碗", "bol polylobé", "وعاء مفصص"),
    "bottle_vase": ("bottle vase", "长颈瓶", "vase bouteille", "مزهرية قارورية"),
    "lobed_vase": ("lobed bottle vase", "瓜棱瓶", "vase bouteille côtelé", "مزهرية مفصصة"),
    "lidded_jar": ("lidded jar", "盖罐", "jarre couverte", "جرة بغطاء"),
    "ewer": ("ewer", "执壶", "aiguière", "إبريق"),
    "ding": ("ding tripod", "三足鼎", "tripode ding", "مرجل دينغ ثلاثي القوائم"),
    "bell": ("bell", "钟", "cloche", "جرس"),
    "coin": ("coin", "钱币", "pièce de monnaie", "عملة معدنية"),
    "cash_coin": ("square-holed coin", "方孔钱", "sapèque à trou carré", "عملة بثقب مربع"),
    "cylinder_seal": ("cylinder seal", "滚筒印章", "sceau-cylindre", "ختم أسطواني"),
    "tablet": ("inscribed tablet", "楔形纹板", "tablette inscrite", "لوح منقوش"),
    "mask": ("mask", "面具", "masque", "قناع"),
    "standing_figure": ("standing figure", "立像", "figure debout", "تمثال واقف"),
    "seated_figure": ("seated figure", "坐像", "figure assise", "تمثال جالس"),
    "horse": ("horse", "马", "cheval", "حصان"),
    "bull": ("bull", "牛", "taureau", "ثور"),
    "ram": ("ram", "羊", "bélier", "كبش"),
    "bust": ("bust", "半身像", "buste", "تمثال نصفي"),
    "bead_string": ("bead string", "串珠", "collier de perles", "عقد خرز"),
    "disc": ("bi disc", "璧", "disque bi", "قرص بي"),
    "ring": ("ring", "环", "anneau", "حلقة"),
    "dagger": ("dagger", "匕首", "dague", "خنجر"),
    "axe": ("axe", "斧", "hache", "فأس"),
    "double_axe": ("double axe", "双刃斧", "double hache", "فأس مزدوجة"),
    "beast": ("beast", "兽", "animal", "حيوان"),
    "jug": ("jug", "壶", "cruche", "إبريق بمقبض"),
    "abstract_form": ("abstract form", "抽象造型", "forme abstraite", "شكل تجريدي"),
}

STUFFS: Mapping[str, Words] = {
    "terracotta": ("terracotta", "红陶", "terre cuite", "الطين المحروق"),
    "buff_clay": ("buff clay", "黄陶", "argile beige", "الطين الأصفر"),
    "grey_clay": ("grey clay", "灰陶", "argile grise", "الطين الرمادي"),
    "black_slip": ("black-slip ware", "黑陶", "céramique à engobe noir", "خزف أسود"),
    "celadon": ("celadon", "青瓷", "céladon", "السيلادون"),
    "blue_white": (
        "blue-and-white porcelain",
        "青花瓷",
        "porcelaine bleu et blanc",
        "خزف أزرق وأبيض",
    ),
    "ox_blood": ("ox-blood glaze", "红釉瓷", "glaçure sang-de-bœuf", "خزف بطلاء أحمر"),
    "sancai": ("sancai ware", "三彩", "céramique sancai", "خزف ثلاثي الألوان"),
    "faience": ("faience", "釉砂", "faïence", "الفيانس"),
    "bronze": ("bronze", "青铜", "bronze", "البرونز"),
    "gold": ("gold", "金", "or", "الذهب"),
    "silver": ("silver", "银", "argent", "الفضة"),
    "iron": ("iron", "铁", "fer", "الحديد"),
    "marble": ("marble", "大理石", "marbre", "الرخام"),
    "basalt": ("basalt", "玄武岩", "basalte", "البازلت"),
    "granite": ("granite", "花岗岩", "granit", "الغرانيت"),
    "limestone": ("limestone", "石灰石", "calcaire", "الحجر الجيري"),
    "jade": ("jade", "玉", "jade", "اليشم"),
    "lapis": ("lapis lazuli", "青金石", "lapis-lazuli", "اللازورد"),
    "carnelian": ("carnelian", "红玉髓", "cornaline", "العقيق الأحمر"),
    "polychrome": ("painted clay", "彩绘陶", "argile polychrome", "الطين الملون"),
    "wood": ("wood", "木", "bois", "الخشب"),
    "lacquer": ("lacquer", "漆", "laque", "اللك"),
    "invented_matt": ("matt stuff", "哑光材料", "matière mate", "مادة غير لامعة"),
    "invented_satin": ("satin stuff", "缎面材料", "matière satinée", "مادة ساتانية"),
    "invented_glossy": ("glossy stuff", "光面材料", "matière brillante", "مادة لامعة"),
    "invented_metal": ("metallic stuff", "金属质材料", "matière métallique", "مادة معدنية"),
}

MOTIFS: Mapping[str, Words] = {
    "plain": ("undecorated", "素面", "sans décor", "بلا زخرفة"),
    "meander": ("with a meander band", "饰回纹", "à frise de méandres", "بشريط من المتعرجات"),
    "zigzag": ("with a zigzag band", "饰折线纹", "à frise de chevrons", "بشريط من الخطوط المنكسرة"),
    "waves": ("with a wave band", "饰水波纹", "à frise de vagues", "بشريط من الأمواج"),
    "rays": ("with a band of rays", "饰芒纹", "à frise de rayons", "بشريط من الأشعة"),
    "lozenges": ("with a lozenge band", "饰菱纹", "à frise de losanges", "بشريط من المعينات"),
    "petals": ("with a band of petals", "饰莲瓣纹", "à frise de pétales", "بشريط من البتلات"),
    "dots": ("with a band of dots", "饰点纹", "à frise de points", "بشريط من النقاط"),
    "scroll": ("with a flower scroll", "饰缠枝纹", "à rinceau fleuri", "بزخرفة نباتية"),
    "portrait": ("with a portrait", "饰人像", "à portrait", "بصورة وجه"),
    "rosette": ("with a rosette", "饰花纹", "à rosace", "بوردة"),
    "star": ("with a star", "饰星纹", "à étoile", "بنجمة"),
    "tree": ("with a tree", "饰树纹", "à arbre", "بشجرة"),
    "bull": ("with a bull", "饰牛纹", "à taureau", "بثور"),
    "writing": (
        "with invented wedge signs",
        "刻虚构楔形文字",
        "à signes cunéiformes inventés",
        "بعلامات مسمارية متخيلة",
    ),
    "signs": (
        "with four invented signs",
        "铸四个虚构文字",
        "à quatre signes inventés",
        "بأربع علامات متخيلة",
    ),
    "scene": ("with a carved scene", "刻图像", "à scène gravée", "بمشهد محفور"),
    "grains": ("with a grain pattern", "饰谷纹", "à motif de grains", "بنقش الحبوب"),
}

_NAME = ("{stuff} {noun}", "{stuff}{noun}", "{noun}, {stuff}", "{noun} من {stuff}")
_DESCRIPTION = (
    "{name} {motif}, longest side {size} cm. Made from a formula; there is no original.",
    "{name}，{motif}，最长边{size}厘米。由公式生成，并无原件。",
    "{name}, {motif}, plus grand côté {size} cm. Né d'une formule ; il n'existe pas d'original.",
    "{name} {motif}، أطول ضلع {size} سم. مولد من صيغة رياضية ولا يوجد له أصل.",
)


def name(noun: str, stuff: str) -> dict[str, str]:
    """What the relic is called, by language."""
    parts = zip(LANGUAGES, _NAME, NOUNS[noun], STUFFS[stuff], strict=True)
    texts = {language: text.format(noun=n, stuff=s) for language, text, n, s in parts}
    return {language: text[0].upper() + text[1:] for language, text in texts.items()}


def description(noun: str, stuff: str, motif: str, longest_cm: float) -> dict[str, str]:
    """A sentence about the relic, by language; it says that the thing never existed."""
    size = f"{longest_cm:.1f}"
    names = name(noun, stuff)
    return {
        language: text.format(name=names[language], motif=MOTIFS[motif][index], size=size)
        for index, (language, text) in enumerate(zip(LANGUAGES, _DESCRIPTION, strict=True))
    }
