//! Words that the cases are made of: written for the development set, apart from the engine's own tables.

/// Given names and their short or familiar forms.
pub const NICKNAMES: &[(&str, &str)] = &[
    ("Alexander", "Sasha"), ("Aleksandr", "Sasha"), ("Vladimir", "Volodya"), ("Mikhail", "Misha"), ("Dmitry", "Dima"),
    ("Dmitriy", "Dima"), ("Nikolai", "Kolya"), ("Nikolay", "Kolya"), ("Ivan", "Vanya"), ("Yevgeniy", "Zhenya"),
    ("Yevgeny", "Zhenya"), ("Konstantin", "Kostya"), ("Anatoly", "Tolya"), ("Anatoliy", "Tolya"), ("Boris", "Borya"),
    ("Sergey", "Seryozha"), ("Sergei", "Seryozha"), ("Aleksey", "Alyosha"), ("Alexey", "Lyosha"), ("Pavel", "Pasha"),
    ("Yekaterina", "Katya"), ("Natalia", "Natasha"), ("Tatiana", "Tanya"), ("Olga", "Olya"), ("Anna", "Anya"),
    ("Yelena", "Lena"), ("Svetlana", "Sveta"), ("Maria", "Masha"), ("William", "Bill"), ("Robert", "Bob"),
    ("Richard", "Dick"), ("James", "Jim"), ("Michael", "Mike"), ("Thomas", "Tom"), ("Charles", "Chuck"),
    ("Joseph", "Joe"), ("David", "Dave"), ("Edward", "Ted"), ("Henry", "Harry"), ("Anthony", "Tony"),
    ("Christopher", "Chris"), ("Daniel", "Danny"), ("Matthew", "Matt"), ("Nicholas", "Nick"), ("Benjamin", "Ben"),
    ("Samuel", "Sam"), ("Elizabeth", "Liz"), ("Margaret", "Peggy"), ("Katherine", "Kate"), ("Patricia", "Trish"),
    ("Jose", "Pepe"), ("Francisco", "Paco"), ("Manuel", "Manolo"), ("Ignacio", "Nacho"), ("Jesus", "Chucho"),
    ("Guillermo", "Memo"), ("Eduardo", "Lalo"), ("Enrique", "Quique"), ("Luis", "Lucho"), ("Carlos", "Carlitos"),
    ("Rafael", "Rafa"), ("Roberto", "Beto"), ("Fernando", "Nando"), ("Alejandro", "Ale"), ("Santiago", "Santi"),
    ("Javier", "Javi"), ("Juan", "Juanito"), ("Giuseppe", "Beppe"), ("Giovanni", "Gianni"), ("Luigi", "Gigi"),
    ("Francesco", "Franco"), ("Salvatore", "Toto"), ("Vincenzo", "Enzo"), ("Johannes", "Hans"), ("Josef", "Sepp"),
    ("Timothy", "Tim"), ("Gregory", "Greg"), ("Andrew", "Andy"), ("Donald", "Don"), ("Kenneth", "Ken"), ("Ronald", "Ron"),
    ("Raymond", "Ray"), ("Jeffrey", "Jeff"), ("Stephen", "Steve"), ("Steven", "Steve"), ("Susan", "Sue"), ("Deborah", "Debbie"),
    ("Barbara", "Barb"), ("Judith", "Judy"), ("Peter", "Pete"), ("Philip", "Phil"), ("Jonathan", "Jon"), ("Zachary", "Zach"),
    ("Catherine", "Cathy"), ("Virginia", "Ginny"), ("Theodore", "Ted"), ("Frederica", "Freddie"), ("Lawrence", "Larry"),
];

/// Chinese names of public life: Han, and how the press of other countries writes them.
pub const HAN: &[(&str, &str)] = &[
    ("习近平", "Xi Jinping"), ("李克强", "Li Keqiang"), ("温家宝", "Wen Jiabao"), ("胡锦涛", "Hu Jintao"), ("江泽民", "Jiang Zemin"),
    ("朱镕基", "Zhu Rongji"), ("王岐山", "Wang Qishan"), ("张德江", "Zhang Dejiang"), ("汪洋", "Wang Yang"), ("韩正", "Han Zheng"),
    ("赵乐际", "Zhao Leji"), ("栗战书", "Li Zhanshu"), ("刘鹤", "Liu He"), ("王毅", "Wang Yi"), ("杨洁篪", "Yang Jiechi"),
    ("曾庆红", "Zeng Qinghong"), ("薄熙来", "Bo Xilai"), ("周永康", "Zhou Yongkang"), ("令计划", "Ling Jihua"), ("徐才厚", "Xu Caihou"),
    ("郭伯雄", "Guo Boxiong"), ("孙政才", "Sun Zhengcai"), ("陈良宇", "Chen Liangyu"), ("马云", "Ma Yun"), ("马化腾", "Ma Huateng"),
    ("任正非", "Ren Zhengfei"), ("孟晚舟", "Meng Wanzhou"), ("董明珠", "Dong Mingzhu"), ("雷军", "Lei Jun"), ("李彦宏", "Li Yanhong"),
    ("姚明", "Yao Ming"), ("刘翔", "Liu Xiang"), ("李娜", "Li Na"), ("丁俊晖", "Ding Junhui"), ("郎平", "Lang Ping"),
    ("欧阳娜娜", "Ouyang Nana"), ("司马光", "Sima Guang"), ("诸葛亮", "Zhuge Liang"), ("章子怡", "Zhang Ziyi"), ("巩俐", "Gong Li"),
    ("葛优", "Ge You"), ("张艺谋", "Zhang Yimou"), ("陈凯歌", "Chen Kaige"), ("冯小刚", "Feng Xiaogang"), ("莫言", "Mo Yan"),
    ("余华", "Yu Hua"), ("刘慈欣", "Liu Cixin"), ("贾樟柯", "Jia Zhangke"), ("屠呦呦", "Tu Youyou"), ("袁隆平", "Yuan Longping"),
    ("毛泽东", "Mao Zedong"), ("邓小平", "Deng Xiaoping"), ("周恩来", "Zhou Enlai"), ("刘少奇", "Liu Shaoqi"), ("彭德怀", "Peng Dehuai"),
    ("林彪", "Lin Biao"), ("華國鋒", "Hua Guofeng"), ("趙紫陽", "Zhao Ziyang"), ("胡耀邦", "Hu Yaobang"), ("葉劍英", "Ye Jianying"),
];

/// Korean names of public life.
pub const HANGUL: &[(&str, &str)] = &[
    ("김정은", "Kim Jong Un"), ("김정일", "Kim Jong-il"), ("김여정", "Kim Yo-jong"), ("최룡해", "Choe Ryong-hae"), ("박봉주", "Pak Pong-ju"),
    ("문재인", "Moon Jae-in"), ("박근혜", "Park Geun-hye"), ("이명박", "Lee Myung-bak"), ("윤석열", "Yoon Suk-yeol"), ("반기문", "Ban Ki-moon"),
    ("손흥민", "Son Heung-min"), ("김연아", "Kim Yuna"), ("봉준호", "Bong Joon-ho"), ("박찬욱", "Park Chan-wook"), ("이병헌", "Lee Byung-hun"),
];

/// Given and family names that any client base holds, by culture.
pub const COMMON: &[(&[&str], &[&str])] = &[
    (
        &["John", "Mary", "Peter", "Susan", "Paul", "Emma", "Jack", "Olivia", "George", "Alice", "Harry", "Grace", "Oliver", "Ruth"],
        &["Smith", "Johnson", "Brown", "Taylor", "Wilson", "Clarke", "Walker", "Harris", "Wood", "Turner", "Hill", "Cooper", "Bennett"],
    ),
    (
        &["Jean", "Marie", "Pierre", "Camille", "Nicolas", "Julie", "Thomas", "Sophie", "Luc", "Claire", "Antoine", "Nathalie", "Hugo"],
        &["Martin", "Bernard", "Dubois", "Durand", "Moreau", "Laurent", "Lefebvre", "Roux", "Fontaine", "Chevalier", "Garnier", "Faure"],
    ),
    (
        &["Hans", "Anna", "Klaus", "Petra", "Stefan", "Ursula", "Jürgen", "Sabine", "Uwe", "Heike", "Matthias", "Karin"],
        &["Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Becker", "Hoffmann", "Koch", "Richter", "Wolf", "Schröder", "Vogel"],
    ),
    (
        &["José", "María", "Juan", "Carmen", "Carlos", "Ana", "Luis", "Laura", "Pedro", "Lucía", "Diego", "Elena", "Javier", "Marta"],
        &["García", "Rodríguez", "González", "Fernández", "López", "Martínez", "Sánchez", "Pérez", "Gómez", "Díaz", "Moreno", "Alonso"],
    ),
    (
        &["Giovanni", "Giulia", "Marco", "Francesca", "Luca", "Chiara", "Andrea", "Paola", "Matteo", "Silvia"],
        &["Rossi", "Russo", "Ferrari", "Esposito", "Bianchi", "Romano", "Colombo", "Ricci", "Marino", "Conti", "Gallo"],
    ),
    (
        &["Mohamed", "Fatima", "Ahmed", "Aïcha", "Ali", "Khadija", "Youssef", "Leila", "Karim", "Nadia", "Omar", "Samira", "Hassan", "Rachid"],
        &["Benali", "El Amrani", "Haddad", "Mansouri", "Bouzid", "Trabelsi", "Khelifi", "Saidi", "Cherif", "Hamdi", "Mahmoud", "Ibrahim", "Hassan"],
    ),
    (
        &["Mohammad", "Zahra", "Reza", "Maryam", "Hossein", "Fatemeh", "Amir", "Sara", "Mehdi", "Narges", "Imran", "Ayesha", "Bilal"],
        &["Ahmadi", "Hosseini", "Karimi", "Rezaei", "Khan", "Malik", "Hussain", "Qureshi", "Sheikh", "Butt", "Rahimi", "Jafari"],
    ),
    (
        &["Ivan", "Olga", "Sergey", "Natalia", "Dmitry", "Elena", "Alexey", "Anna", "Andrey", "Irina", "Mikhail", "Tatiana"],
        &["Ivanov", "Petrova", "Smirnov", "Kuznetsova", "Popov", "Sokolova", "Lebedev", "Kozlov", "Novikova", "Morozov", "Volkov", "Pavlov"],
    ),
    (
        &["Wei", "Fang", "Min", "Jing", "Lei", "Yan", "Jun", "Hui", "Tao", "Mei", "Xiaoming", "Jianguo", "Lihua"],
        &["Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Huang", "Zhou", "Wu", "Xu", "Sun"],
    ),
    (
        &["Ji-hoon", "Min-jun", "Seo-yeon", "Hye-jin", "Dong-hyun", "Soo-jin", "Young-ho", "Mi-kyung"],
        &["Kim", "Lee", "Park", "Choi", "Jung", "Kang", "Cho", "Yoon"],
    ),
    (
        &["Rahul", "Priya", "Amit", "Anjali", "Sanjay", "Sunita", "Vijay", "Deepa", "Arjun", "Lakshmi"],
        &["Sharma", "Patel", "Singh", "Kumar", "Gupta", "Reddy", "Nair", "Iyer", "Das", "Mehta"],
    ),
    (
        &["Mamadou", "Fatou", "Ousmane", "Aminata", "Kwame", "Ama", "Chinedu", "Ngozi", "Tunde", "Amina"],
        &["Diallo", "Traoré", "Ndiaye", "Diop", "Mensah", "Owusu", "Okafor", "Adeyemi", "Ibrahim", "Camara"],
    ),
    (
        &["Mehmet", "Ayşe", "Mustafa", "Emine", "Ahmet", "Zeynep", "Murat", "Elif"],
        &["Yılmaz", "Kaya", "Demir", "Şahin", "Çelik", "Yıldız", "Öztürk", "Arslan"],
    ),
    (
        &["João", "Ana", "António", "Beatriz", "Tiago", "Inês", "Rui", "Mariana"],
        &["Silva", "Santos", "Ferreira", "Pereira", "Oliveira", "Costa", "Rodrigues", "Almeida"],
    ),
    (
        &["Jan", "Anna", "Piotr", "Katarzyna", "Tomasz", "Agnieszka", "Petr", "Jana"],
        &["Nowak", "Kowalski", "Wiśniewski", "Wójcik", "Novák", "Svoboda", "Dvořák", "Lewandowski"],
    ),
];

/// Distinctive words of companies, what they do, and legal forms.
pub const COMPANY: (&[&str], &[&str], &[&str]) = (
    &["Alpen", "Boreal", "Cassio", "Delmar", "Evrika", "Fontana", "Granit", "Horizon", "Iskra", "Jupiter", "Kolibri", "Lumen", "Meridian",
      "Nordic", "Orion", "Polar", "Quantum", "Regal", "Solaris", "Titan", "Unity", "Vega", "Westfield", "Zenith"],
    &["Trading", "Shipping", "Industries", "Bank", "Construction", "Energy", "Logistics", "Holding", "Consulting", "Foods"],
    &["LLC", "GmbH", "SARL", "Ltd", "Inc.", "S.A.", "OOO", "B.V.", "Co., Ltd."],
);
