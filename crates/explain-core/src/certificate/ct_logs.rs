//! Certificate Transparency logs that browsers count: log, operator and key.
//!
//! The facts are those compiled into Chromium [`CT_LOGS_MADE`], where every log of this list counts
//! and retired ones are left out; so a timestamp of a log retired since is of an unknown log here.
//! A log's id is the SHA-256 of its key (RFC 6962 §3.2), and is computed.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use aws_lc_rs::digest::{SHA256, digest};

use super::sct::{CtLog, LogState};

/// Which version of the list this is.
pub const CT_LOGS_MADE: &str = "156.0.8078.79 (2026-11)";

/// The logs.
#[must_use]
pub fn ct_logs() -> Vec<CtLog> {
    let log = |&(operator, name, key): &(&str, &str, &str)| {
        let mut key_der = P256.to_vec();
        key_der.extend(octets(key));
        let id = digest(&SHA256, &key_der).as_ref().try_into().unwrap_or_default();
        let (operator, name) = (operator.to_owned(), name.to_owned());
        CtLog { id, key_der, operator, name, state: LogState::Usable }
    };
    LOGS.iter().map(log).collect()
}

fn octets(hexadecimal: &str) -> impl Iterator<Item = u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits.map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | value(*digit)))
}

const fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.wrapping_sub(b'a').wrapping_add(10),
    }
}

/// What stands before the point of a P-256 key in a SubjectPublicKeyInfo.
const P256: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// Operator, log, and the two coordinates of its key.
const LOGS: &[(&str, &str, &str)] = &[
    (
        "Google",
        "Google 'Argon2026h2' log",
        "2a3a678bfeba0c862b4a518ae917fe7ba17673fdbc654bc327bf4df35fa0ca29\
         8011203278d67ef934608c75a0f535509ca1d3494d13d53b6a0eea459d241322",
    ),
    (
        "Google",
        "Google 'Argon2027h1'",
        "287466d07ff351a140e88773e5c1af18eded08f4327c632026654138fc8a00fe\
         a618cd4888d5e2e022e898e532623d1837be29f9e19502914cb0ce21fe3cc2b0",
    ),
    (
        "Google",
        "Google 'Xenon2026h2' log",
        "e57778957128b395c9a5cc7a4ce83203967bfc2e1db9a4db43a0bd6972f945ba\
         9ac3e996d570e70d7ec99515278a723065864353dc11441849982568a73c05bf",
    ),
    (
        "Google",
        "Google 'Xenon2027h1'",
        "ffa59c0385514a58c87d3758e3cfa91512cbb4bae64dbf3c7060dd97c1afdc4d\
         8b76e1b88e027700ae6234c1468696d144b8b9077acf941697572c2e4792050e",
    ),
    (
        "Google",
        "Google 'ParcelYard2026h2' log",
        "3f61f9e9b1f1ea93e6e660a4bba3c5a5e46e039531d20b3c8b05c8561bd575ba\
         23b34a4fc19a8bb65204a0935b8f130478f4d8a3fa835bce408e130921395abc",
    ),
    (
        "Google",
        "Google 'ParcelYard2027h1' log",
        "5fb8bb818c26071a622d702533f54b938045ceca49466640f3a89178eecd5519\
         7018bd4a59bfc3bf90d15c934165dfbdb911243544de7b9c81cb675175119ad3",
    ),
    (
        "Google",
        "Google 'ParcelYard2027h2' log",
        "f824c5b28ae8c578b9dde2d3fb1d93e20b0c28e72acd8121a922e3c85eae55f7\
         6017cc817b20367035acbba9e684a1a1ab2a288702e1dcf3e05dd96d7cf3f704",
    ),
    (
        "Google",
        "Google 'PlumbersArms2026h2' log",
        "45c286ea61b2ac24edce4581353e752c516c335959dd93d22285e0562943b676\
         347728702925fb8e89a45ef772a96afc0ce3f71c0e88ea4ce64445f9c2952fba",
    ),
    (
        "Google",
        "Google 'PlumbersArms2027h1' log",
        "00a61876321e4300cfd11218f66840567b57e6cd8e6cc73617abbc7042d26e1b\
         dabe58d60ff39eb0964752da908c15c4e4491ba62aba9dc8666959c41c7a499b",
    ),
    (
        "Google",
        "Google 'PlumbersArms2027h2' log",
        "1c2bb9868a125e593c1408929285a2649e46f46cc2889863ddea09f69dc5dd9c\
         d5d9081c83159623d7fbe6f9c5832823bbe6da2b5d5db1fddb5c7028ffe4cbfd",
    ),
    (
        "Cloudflare",
        "Cloudflare 'Nimbus2026'",
        "d85c614fac6ad220804e8a42f604ad4bd4b11c798e2932de695359ebad78f3c0\
         2af2d0115d057eebe8c1d3df37bf9164466e0e2713eabb6f46275886ef4021a3",
    ),
    (
        "Cloudflare",
        "Cloudflare 'Nimbus2027'",
        "62377f8c4d04a0084d05b7dc361ad36fb174c75d0a64af2bd920e3c7519d8c9e\
         f9849ac7c7638243e0574635e2f9cce8444375bb48fd71697c77a3a83cc3e881",
    ),
    (
        "DigiCert",
        "DigiCert 'Wyvern2026h2'",
        "7a73db4af2de4fece1141bbea6a93c21b84512cd7a8826912056f54932c3756c\
         cbe97c1375359c6cecf1313cc1de9b8c1392b7ad3d0fa19c8f48ce7427182399",
    ),
    (
        "DigiCert",
        "DigiCert 'Wyvern2027h1'",
        "6acb71623d669ed1aecafef89387fec9a231f9913395227e8954d85a5c3c4a94\
         8a2784dfc585ae0619c44e5869c86ff9b1e267d263929d5817b19d4945f948ee",
    ),
    (
        "DigiCert",
        "DigiCert 'Wyvern2027h2'",
        "b8e83c85c81a613fcc4a1c696a0d878a07b4cec2f3cfcbce2d95e9e9f6827733\
         3e327fe78f253d44e02ec03c6ebbcf3f1abc67e3a9267a174e2950c57b16dd4a",
    ),
    (
        "DigiCert",
        "DigiCert 'Sphinx2026h2'",
        "aae0f42644504ffda29ee680e070b5b1ce94a5f89781445542641c2279a76459\
         d389932166fb0981601f625534388ca4382eac950cebed4f64bc4542f7067acd",
    ),
    (
        "DigiCert",
        "DigiCert 'sphinx2027h1'",
        "be2ac8ab55cfc20c06ec19db321db3a146c4b7e4fccfc5c0b60f65a3c8e66be6\
         9a4d097c8950b2a54157b4ba6de3f4876a85336ef7230d7ffa07521b2f73a821",
    ),
    (
        "DigiCert",
        "DigiCert 'sphinx2027h2'",
        "5027b6dccf3cf6602c5157934c170db0098fdfbe195906e82dd47c45d1b03375\
         59e8ffec0f086b2fbc0ae33ad73e1dc7c0b0c32f10e3bd105e8af5126e9652c0",
    ),
    (
        "Sectigo",
        "Sectigo 'Mammoth2026h2'",
        "ec8361f2d7b4bbe4e43bebc8637598cf619063143d5f22df74ba50a7589b697d\
         e663896dd9d751843ff802d8c8ffc29771e57e27f572b18f2427570a0d74c0b6",
    ),
    (
        "Sectigo",
        "Sectigo 'Sabre2026h2'",
        "ce35caec390782da772786e4f27ec5dc38f29ba9ab8ca7c0ed831e3e6a1bc0f0\
         9556ba32334c757c0907e9e13e653563f049be72d1aa9daf7d08c4b48d593d73",
    ),
    (
        "Sectigo",
        "Sectigo 'Elephant2026h2'",
        "3bfb78530928a2eefcce409c861f6d7c029b2142666cea1401bf2ccc3f12b679\
         c714a01563992ad4b8ecf180fb09fcdd0fbc5c5639906296ed35487144c46d98",
    ),
    (
        "Sectigo",
        "Sectigo 'Elephant2027h1'",
        "e1fbb7e89ca053069a54ef9d75627dec5259940e528cf2e64fe447c20d296af9\
         08adb4f56f92cd42bb1a130d02a06ada7fb064cca65fecf0bc818012730db0a0",
    ),
    (
        "Sectigo",
        "Sectigo 'Elephant2027h2'",
        "0933e1a499d116ba114693ffd437409ecf8fae7994cb0b6a215f8478be0983cc\
         caa2ea16ee4b80918a3e9197a81edc8aec20617e5225324ed3d90ae7e30fedf2",
    ),
    (
        "Sectigo",
        "Sectigo 'Tiger2026h2'",
        "7c91540ff1519289ef64803d653d49df2bc0e04a52a778a79db215a4c4c3475a\
         027b9be0b9aa61790ef062259a0844b510bd41fb60440be3f96d47f0178e259c",
    ),
    (
        "Sectigo",
        "Sectigo 'Tiger2027h1'",
        "98c4287e9b038c2558cc5e235dd15633f8a86012483dcb1042b3401c4eafe253\
         ac003a08fbf8cdd65a61f31e0adcd8275c35f09b225c17045881538132169884",
    ),
    (
        "Sectigo",
        "Sectigo 'Tiger2027h2'",
        "6f402091e9a1b0f9987b5828092cb99dc7f6946f6fb4ae9ff92cce0ca24c6048\
         0f393fb3f7771410a33511a4eea34f6ba337ddaa18de8a1225db9cbd037261c9",
    ),
    (
        "Let's Encrypt",
        "Let's Encrypt 'Sycamore2026h2'",
        "c11d45b6288c6e9bf147eb087a26792520880c875300f87b3aba5d72172b09cc\
         8d543bcd52adf9f29a89c76a9dcab388f848c6c59ed488f70dddb2f743df45a8",
    ),
    (
        "Let's Encrypt",
        "Let's Encrypt 'Sycamore2027h1'",
        "5ab19d63265807bb5e092e0afe8288b1b574c9505282394ec0edb638e0a803a6\
         36e764211730bc5a0ee855754aa9f91669268cfe7fb7a5f0817f8040929771f2",
    ),
    (
        "Let's Encrypt",
        "Let's Encrypt 'Sycamore2027h2'",
        "2bedb3cb651644c2320b68d4e3afab8fc52cc8c8cbb1022bd58ffa0a56dda561\
         ad8546fccb731a7f8cdf0194d65be007f700163cb44be6f9adcfb6648767f69c",
    ),
    (
        "Let's Encrypt",
        "Let's Encrypt 'Willow2026h2'",
        "a7cc07f11eb37ccf9486c42ae6e9fe94f74d4c39337209162e2d43c32a94e93d\
         349ad3f9fc2b868efa70e26233f3d23a295e59be1447b7965317aa9edb8a6a88",
    ),
    (
        "Let's Encrypt",
        "Let's Encrypt 'Willow2027h1'",
        "cec30ab688ced01541e2de7d955c80871b6a39b540fb021de41a49180f2966bc\
         391938f3ba1a6f2eefe17901a2d211c27a2b259037b7e0dff60f44b0114044d3",
    ),
    (
        "Let's Encrypt",
        "Let's Encrypt 'Willow2027h2'",
        "61b303834a90104623b13b6d743968b932a18377d188c258344f84a6bff66d7c\
         9e41d40e1ca40d2afe6c6c82b18ed13fe55aa8f588d06e768e787e169b83e175",
    ),
    (
        "TrustAsia",
        "TrustAsia 'log2026a'",
        "a74e7ac9a607f9ff74ec98cb49e10024b3592e83fdc07035334c63ca7483c03c\
         5b53407c311f35a45f0fe4ee4f8917e85b2ec5ac0005c9763745970315ff6059",
    ),
    (
        "TrustAsia",
        "TrustAsia 'log2026b'",
        "0f128ca9e6e3ec62eedf58c850e626707610b70439b3a7f84c733bc3385a1200\
         4ce0da0e168a45320a31aa22c79d7d0553c79e94ea9b5746bf4fa47efbdffa85",
    ),
    (
        "TrustAsia",
        "TrustAsia 'HETU2027'",
        "d788c6f03f6cbaa21558fb5334e2f7dee5ca6789949e738cac8c0e59e654ec6b\
         680d10962177f2ffdfd20bc95301bb4fd8d38fe308c8b9f024e9feb8b18e035a",
    ),
    (
        "TrustAsia",
        "TrustAsia Luoshu2027",
        "ba6498cf2e9d5109704dc90fcca30a0293118a7ab11c80652df9abbf1d5274c1\
         f54530028b5c1bd55d7cb2cf188e5682ecf721d8e41af0e7d17afb9be18f410d",
    ),
    (
        "Geomys",
        "Geomys 'Tuscolo2026h2'",
        "680e8fd22ec94ec77d5dfcc5d7fefa6af4560375d7238352b6c14efda16d069e\
         9263ba250c43223d2152c46cc5423280d6bf6f806fe8150c2eae558ccbd15037",
    ),
    (
        "Geomys",
        "Geomys 'Tuscolo2027h1'",
        "398c301a868da59fd2416d153462023fbc06450b12784a304d19780cf49d3e34\
         a43bffa8baf147efc23cb104d1dc558f64349c00b6dc941aa7a8bd29b58f1b78",
    ),
    (
        "Geomys",
        "Geomys 'Tuscolo2027h2'",
        "200cf680e0fbc08a6d6a22d39e647893b010c29e64166aa618763ff0998c2716\
         921f2022a68140fd84810935fb668c3122448aa5960696a2ed74b55c2d60d2e7",
    ),
    (
        "Geomys",
        "Geomys Tuscolo2028h1",
        "a02ad8f49c3f416237e87fbb63c5255df34ec64d80b60dc7de75d2a8b2b3e76b\
         15e1157d11146afc88c3e2e48ffe4e71093fb89c70a300bf244631947ac95e8f",
    ),
    (
        "Geomys",
        "Geomys Tuscolo2028h2",
        "16f5dbaf3f8dde245c7f8a6898d9725689316acfdf190bb50eac486d9f4cdf8c\
         3d5bdf250daa36bfaa95ee64430c37288769127f201ee86c4bb8132b9913c432",
    ),
    (
        "Geomys",
        "Geomys Trastevere2026h2",
        "13315c7e747e3fec46d930362d68e191e31c40c4d4eb6afa9287a920d6fb8707\
         25fe18ad3cb794cc3def443a4dcafabef55adc8b514499cb580d61fe899da1c3",
    ),
    (
        "Geomys",
        "Geomys Trastevere2027h1",
        "7066224541b97f5aa9a865ac1637d76594f936a91655425db514ac5b284a3975\
         ebcb220895fb14b4a866a8948f2619314bd5358603d06797735c3039c7fe6960",
    ),
    (
        "Geomys",
        "Geomys Trastevere2027h2",
        "24f19e8e4dd7751b6a833a8ce5224fbcdf58e82a528a771724014fcd1e3efe13\
         fa2ae5a199e2f51950a76d82768454bde2913c93b7de60d181eadb9892f5f0d9",
    ),
    (
        "Geomys",
        "Geomys Trastevere2028h1",
        "d3945d3bd771b9e3c5a68a3e73f87c023f623ac977751cd125aae280988b5971\
         2d9bd255f67d2bb3d33f7c35524b0184876a7d3d43bc451d7ee81b7beefda22d",
    ),
    (
        "Geomys",
        "Geomys Trastevere2028h2",
        "07887930c2d2819b8ed11dae302bc0ff959822fb2260c7182ef8aa4aa2fa44d9\
         e93a75e21a5cf8f6259ea3b9f447ebfd0948f40a5bf6227e44c271f018adbf4f",
    ),
    (
        "IPng Networks",
        "IPng Networks 'Halloumi2026h2a'",
        "886878cccb1dba44e0add93d88f230cfd39f53d4d0562e0cc6e7e99a796bcefd\
         e2bc9731561ad24f85d049e4281792e5155214e8f2f8233ad8975d815169fdad",
    ),
    (
        "IPng Networks",
        "IPng Networks 'Halloumi2027h1'",
        "c39494976c9f7794c54aa506bfb03e239f93a4b7becc471c9ad59541a91042d3\
         8760aa87f136f271a945c79c5aa84e4f538344c309c027d156793ffa41aa2f67",
    ),
    (
        "IPng Networks",
        "IPng Networks 'Halloumi2027h2'",
        "ae629b1643c6ed07d05004616c88a4f2f55b2245e12be60c07a4ef2d9932867c\
         efef079d9fe97b54286aa2f64728e41799911de01fb7963a2f229433d879b21c",
    ),
    (
        "IPng Networks",
        "IPng Networks 'Gouda2026h2'",
        "8dac9cce685430d7ed5b2e958ef617713504a6f2fc2c800a718731af1c79c714\
         0664456f86765e0a75d596c31686ad61f49e797997d058cfdda88afa1a6a0df5",
    ),
    (
        "IPng Networks",
        "IPng Networks 'Gouda2027h1'",
        "3a1d750766914fd0624eaa3eea4bd0edc4867fcd7d022b7e8c673a02e1e51945\
         f15825f560243d385367afa314292b72c38b158a7e450afb5b91ed6672d97781",
    ),
    (
        "IPng Networks",
        "IPng Networks 'Gouda2027h2'",
        "3eec4f1f6d2c4aa5331c696565c79c785bf2a127dfc015a05f82ca77cc24dc0d\
         dac99bb0c21da90ee10eb2298cc4b5c5874214633ef76bd23b931914a8cf8df3",
    ),
    (
        "IPng Networks",
        "IPng Networks Gouda2028h1",
        "e668029896cfa3807e83125ff14f781f290aa34701b06b2a9d2bbfc9c43ad561\
         92e9bfd72f64ad88ddbc605f3ff08e0698b4010d4933d6c4ce1b8b3205c29833",
    ),
    (
        "IPng Networks",
        "IPng Networks Gouda2028h2",
        "36d8cfc87fee66666ebb8450489534a7eba73fd6592affd9e0c2e942175b8851\
         a050122006beaeacb3c223348566e3381e18279f0888e1a4bb5a98b490c12837",
    ),
    (
        "IPng Networks",
        "IPng Networks Halloumi2028h1",
        "4150c4149702592f23b45f0cdee31f821237c0ca3a5701f60a97fff4fd71f7fb\
         2feda57c5929ebc3ba6ad045b59e398ba3fe850680961cba6aa062a605928356",
    ),
    (
        "IPng Networks",
        "IPng Networks Halloumi2028h2",
        "119beff381bf85c31b2de2289242e44f424fcd191d57956f017a56198246c301\
         1308ee38ee21926527325b444eb8d6efb28b57623b34d800e95bee8e4c3d215e",
    ),
    (
        "Microsec",
        "Microsec Eszigno2026h2",
        "bc1704d35416f66a6e4558873c2b3accd0039068fe9c833d84749da819563cd2\
         0e643afd65bf618544c1ffd5b97aa4657f29d29ab9e5d402933c5f37eb0dc9ea",
    ),
    (
        "Microsec",
        "Microsec Eszigno2027h1",
        "86e1bd9bb0fc9e54aab9619a005d0d5dcd02958658a448a935afcd79384695b7\
         abf6dccca072d14179dcc0d041a9cc5b5ce6a79d14c8ffebad753ef03fd4bb27",
    ),
    (
        "Microsec",
        "Microsec Eszigno2027h2",
        "fd70cce28b400cd6a61ae435aa3700cbe54c74fc3be4442d8c21194c19e6272e\
         508731e93d17908d81ab2e12ae5865e5409d80c5e565ebfd2f9bf691729b0196",
    ),
    (
        "Microsec",
        "Microsec Eszigno2028h1",
        "69877304558323731fef84ad39b821df022601f9582cef5a33adb1c22bc95f9a\
         400177cc1047c89818a19ff21f9249d3b8a388a9e1dfc5577fb0201f88de422d",
    ),
    (
        "Microsec",
        "Microsec Eszigno2028h2",
        "14d8ad86a039116eeb8dfd47b3057c8cbbf3a9665e03890ce1432f47c3ccaceb\
         58ea2cf0edf3b5e7da637b01d1bb7e9f12c6dc8d47ffab6ba315b9e925abd669",
    ),
    (
        "GoDaddy",
        "GoDaddy Aquamarine2026h2",
        "313c8a86a2ada90061767c6a4088b25d25f8fd99b87a35bc2ebbc2c715cb27c5\
         2b7214f403b65e5e773cbd9115579a1e7a5474c0e28bb433cb0e1ea7b2104773",
    ),
    (
        "GoDaddy",
        "GoDaddy Aquamarine2027h1",
        "0cc4342b9ae609dee4aef1d0cad5ce4a6b10a917036519dba3a6eb6f672d0f84\
         0a2fe5d0af4086538ece7d0daad3ccd1b4a4625d9e920c628a1da99ca4bf6df9",
    ),
    (
        "GoDaddy",
        "GoDaddy Aquamarine2027h2",
        "439e33f82ba67cc7784ecd7c1a39e595f519a028c5158414180790d4a92e5fb7\
         8d7713443f28d726b31aa91af917a958b53e97164028873fdf920b9a221539d7",
    ),
    (
        "GoDaddy",
        "GoDaddy Aquamarine2028h1",
        "2c51e3663421596d130db2858bdb2690de368d9224596f787f4b42a5b264c582\
         ea29e646c56afdc4797f04c0efa92b1e0703ab91750e9d79337a723bb49962f9",
    ),
    (
        "GoDaddy",
        "GoDaddy Aquamarine2028h2",
        "399039b1b6d58d3963eb40e923abbd00a3bfefd42f341ee622afdd7add9c2d99\
         e157d378a72829675ac0ad1c739fcd18e3274587e6ca3aa93b8169eb61f0eea8",
    ),
];

#[cfg(test)]
mod tests {
    //! The ids that come out are those the logs publish.
    use alloc::string::String;

    use super::*;

    #[test]
    fn ids_are_those_published() {
        let logs = ct_logs();
        let of = |name: &str| {
            let log = logs.iter().find(|log| log.name.contains(name)).unwrap();
            log.id.iter().map(|byte| alloc::format!("{byte:02x}")).collect::<String>()
        };
        // As in Google's log list of 2026-05-10.
        let argon = "d76d7d10d1a7f577c2c7e95fd700bff982c9335a65e1d0b3017317c0c8c56977";
        let nimbus = "cb38f715897c84a1445f5bc1ddfbc96ef29a59cd470a690585b0cb14c31458e7";
        assert_eq!((&*of("Argon2026h2"), &*of("Nimbus2026")), (argon, nimbus));
        assert!(logs.iter().all(|log| log.key_der.len() == 91));
    }
}
