//! Roots that browsers treat as EV roots: facts from Firefox's list, one row for each pair of root
//! and policy. Chromium and Safari keep lists of their own that differ by a few roots.
//!
//! Not part of any trust decision. A list like this ages: a root missing here comes out as "not in
//! the list", never as an error.

/// One row of the EV list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvRoot {
    /// SHA-256 of the root certificate, lower-case hexadecimal.
    pub sha256: &'static str,
    /// The CA's own EV policy; that of the CA/Browser Forum is honoured beside it.
    pub policy: &'static str,
    /// What the root is called.
    pub name: &'static str,
}

/// Where the list is from.
pub const EV_ROOTS_SOURCE: &str = "Firefox, security/certverifier/ExtendedValidation.cpp, as of \
    2025 (with D-TRUST EV Root CA 2 2023 and the TrustAsia TLS roots)";

/// The list.
pub const EV_ROOTS: &[EvRoot] = &[
    row(
        "62dd0be9b9f50a163ea0f8e75c053b1eca57ea55c8688f647c6881f2c8357b95",
        "2.16.756.1.89.1.2.1.1",
        "SwissSign Gold CA - G2",
    ),
    row(
        "f1c1b50ae5a20dd8030ec9f6bc24823dd367b5255759b4e71b61fce9f7375d73",
        "2.16.840.1.114404.1.1.2.4.1",
        "SecureTrust CA",
    ),
    row(
        "4200f5043ac8590ebb527d209ed1503029fbcbd41ca1b506ec27f15ade7dac69",
        "2.16.840.1.114404.1.1.2.4.1",
        "Secure Global CA",
    ),
    row(
        "1793927a0614549789adce2f8f34f7f0b66d0f3ae3a3b84d21ec15dbba4fadc7",
        "1.3.6.1.4.1.6449.1.2.1.5.1",
        "COMODO ECC Certification Authority",
    ),
    row(
        "0c2cd63df7806fa399ede809116b575bf87989f06518f9808c860503178baf66",
        "1.3.6.1.4.1.6449.1.2.1.5.1",
        "COMODO Certification Authority",
    ),
    row(
        "45140b3247eb9cc8c5b4f0d7b53091f73292089e6e5a63e2749dd3aca9198eda",
        "2.16.840.1.114413.1.7.23.3",
        "Go Daddy Root Certificate Authority - G2",
    ),
    row(
        "2ce1cb0bf9d2f9e102993fbe215152c3b2dd0cabde1c68e5319b839154dbb7f5",
        "2.16.840.1.114414.1.7.23.3",
        "Starfield Root Certificate Authority - G2",
    ),
    row(
        "7431e5f4c3c1ce4690774f0b61e05440883ba9a01ed00ba6abd7806ed3b118cf",
        "2.16.840.1.114412.2.1",
        "DigiCert High Assurance EV Root CA",
    ),
    row(
        "85a0dd7dd720adb7ff05f83d542b209dc7ff4528f7d677b18389fea5e5c49e86",
        "1.3.6.1.4.1.8024.0.2.100.1.2",
        "QuoVadis Root CA 2",
    ),
    row(
        "73c176434f1bc6d5adf45b0e76e727287c8de57616c1e6e6141a2b2cbc7d8e4c",
        "2.16.840.1.114028.10.1.2",
        "Entrust Root Certification Authority",
    ),
    row(
        "db3517d1f6732a2d5ab97c533ec70779ee3270a62fb4ac4238372460e6f01e88",
        "2.16.840.1.114028.10.1.2",
        "Entrust Root Certification Authority - G4",
    ),
    row(
        "cbb522d7b7f127ad6a0113865bdf1cd4102e7d0759af635a7cf4720dc963c53b",
        "2.23.140.1.1",
        "GlobalSign Root CA - R3",
    ),
    row(
        "edf7ebbca27a2a384d387b7d4010c666e2edb4843e4c29b4ae1d5b9332e6b24d",
        "2.16.578.1.26.1.3.3",
        "Buypass Class 3 Root CA",
    ),
    row(
        "0376ab1d54c5f9803ce4b2e201a0ee7eef7b57b636e8a93c9b8d4860c96f5fa7",
        "1.3.6.1.4.1.34697.2.1",
        "AffirmTrust Commercial",
    ),
    row(
        "0a81ec5a929777f145904af38d5d509f66b5e2c58fcdb531058b0e17f3f0b41b",
        "1.3.6.1.4.1.34697.2.2",
        "AffirmTrust Networking",
    ),
    row(
        "70a73f7f376b60074248904534b11482d5bf0e698ecc498df52577ebf2e93b9a",
        "1.3.6.1.4.1.34697.2.3",
        "AffirmTrust Premium",
    ),
    row(
        "bd71fdf6da97e4cf62d1647add2581b07d79adf8397eb4ecba9c5e8488821423",
        "1.3.6.1.4.1.34697.2.4",
        "AffirmTrust Premium ECC",
    ),
    row(
        "5c58468d55f58e497e743982d2b50010b6d165374acf83a7d4a32db768c4408e",
        "1.2.616.1.113527.2.5.1.1",
        "Certum Trusted Network CA",
    ),
    row(
        "b676f2eddae8775cd36cb0f63cd1d4603961f49e6265ba013a2f0307b6d0b804",
        "1.2.616.1.113527.2.5.1.1",
        "Certum Trusted Network CA 2",
    ),
    row(
        "2530cc8e98321502bad96f9b1fba1b099e2d299e0f4548bb914f363bc0d4531f",
        "1.3.6.1.4.1.14777.6.1.1",
        "Izenpe.com",
    ),
    row(
        "2530cc8e98321502bad96f9b1fba1b099e2d299e0f4548bb914f363bc0d4531f",
        "1.3.6.1.4.1.14777.6.1.2",
        "Izenpe.com",
    ),
    row(
        "fd73dad31c644ff1b43bef0ccdda96710b9cd9875eca7e31707af3e96d522bbd",
        "1.3.6.1.4.1.7879.13.24.1",
        "T-TeleSec GlobalRoot Class 3",
    ),
    row(
        "bfd88fe1101c41ae3e801bf8be56350ee9bad1a6b9bd515edc5c6d5b8711ac44",
        "1.3.6.1.4.1.40869.1.1.22.3",
        "TWCA Root Certification Authority",
    ),
    row(
        "eec5496b988ce98625b934092eec2908bed0b0f316c2d4730c84eaf1f3d34881",
        "1.3.6.1.4.1.4788.2.202.1",
        "D-TRUST Root Class 3 CA 2 EV 2009",
    ),
    row(
        "59769007f7685d0fcd50872f9f95d5755a5b2b457d81f3692b610a98672f0e1b",
        "1.3.6.1.4.1.40869.1.1.22.3",
        "TWCA Global Root CA",
    ),
    row(
        "55926084ec963a64b96e2abe01ce0ba86a64fbfebcc7aab5afc155b37fd76066",
        "1.3.159.1.17.1",
        "Actalis Authentication Root CA",
    ),
    row(
        "7d05ebb682339f8c9451ee094eebfefa7953a114edb2f44949452fab7d2fc185",
        "2.16.840.1.114412.2.1",
        "DigiCert Assured ID Root G2",
    ),
    row(
        "7e37cb8b4c47090cab36551ba6f45db840680fba166a952db100717f43053fc2",
        "2.16.840.1.114412.2.1",
        "DigiCert Assured ID Root G3",
    ),
    row(
        "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f",
        "2.16.840.1.114412.2.1",
        "DigiCert Global Root G2",
    ),
    row(
        "31ad6648f8104138c738f39ea4320133393e3a18cc02296ef97c2ac9ef6731d0",
        "2.16.840.1.114412.2.1",
        "DigiCert Global Root G3",
    ),
    row(
        "552f7bdcf1a7af9e6ce672017f4f12abf77240c78e761ac203d1d9d20ac89988",
        "2.16.840.1.114412.2.1",
        "DigiCert Trusted Root G4",
    ),
    row(
        "371a00dc0533b3721a7eeb40e8419e70799d2b0a0f2c1d80693165f7cec4ad75",
        "2.23.140.1.1",
        "DigiCert TLS RSA4096 Root G5",
    ),
    row(
        "018e13f0772532cf809bd1b17281867283fc48c6e13be9c69812854a490c1b05",
        "2.23.140.1.1",
        "DigiCert TLS ECC P384 Root G5",
    ),
    row(
        "8fe4fb0af93a4d0d67db0bebb23e37c71bf325dcbcdd240ea04daf58b47e1840",
        "1.3.6.1.4.1.8024.0.2.100.1.2",
        "QuoVadis Root CA 2 G3",
    ),
    row(
        "52f0e1c4e58ec629291b60317f074671b85d7ea80d5b07273463534b32b40234",
        "1.3.6.1.4.1.6449.1.2.1.5.1",
        "COMODO RSA Certification Authority",
    ),
    row(
        "e793c9b02fd8aa13e21c31228accb08119643b749c898964b1746d46c3d4cbd2",
        "1.3.6.1.4.1.6449.1.2.1.5.1",
        "USERTrust RSA Certification Authority",
    ),
    row(
        "4ff460d54b9c86dabfbcfc5712e0400d2bed3fbc4d4fbdaa86e06adcd2a9ad7a",
        "1.3.6.1.4.1.6449.1.2.1.5.1",
        "USERTrust ECC Certification Authority",
    ),
    row(
        "179fbc148a3dd00fd24ea13458cc43bfa7f59c8182d783a513f6ebec100c8924",
        "2.23.140.1.1",
        "GlobalSign ECC Root CA - R5",
    ),
    row(
        "2cabeafe37d06ca22aba7391c0033d25982952c453647349763a3ab5ad6ccf69",
        "2.23.140.1.1",
        "GlobalSign Root CA - R6",
    ),
    row(
        "43df5774b03e7fef5fe40d931a7bedf1bb2e6b42738c4e6d3841103d3aa7f339",
        "2.16.840.1.114028.10.1.2",
        "Entrust Root Certification Authority - G2",
    ),
    row(
        "02ed0eb28c14da45165c566791700d6451d7fb56f0b2ab1d3b8eb070e56edff5",
        "2.16.840.1.114028.10.1.2",
        "Entrust Root Certification Authority - EC1",
    ),
    row(
        "5cc3d78e4e1d5e45547a04e6873e64f90cf9536d1ccc2ef800f355c4c5fd70fd",
        "2.16.156.112554.3",
        "CFCA EV ROOT",
    ),
    row(
        "513b2cecb810d4cde5dd85391adfc6c2dd60d87bb736d2b521484aa47a0ebef6",
        "1.2.392.200091.100.721.1",
        "Security Communication RootCA2",
    ),
    row(
        "6b9c08e86eb0f767cfad65cd98b62149e5494a67f5845e7bd1ed019f27b86bd6",
        "2.16.756.5.14.7.4.8",
        "OISTE WISeKey Global Root GB CA",
    ),
    row(
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "2.23.140.1.1",
        "Amazon Root CA 1",
    ),
    row(
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "2.23.140.1.1",
        "Amazon Root CA 2",
    ),
    row(
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "2.23.140.1.1",
        "Amazon Root CA 3",
    ),
    row(
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "2.23.140.1.1",
        "Amazon Root CA 4",
    ),
    row(
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        "2.23.140.1.1",
        "Starfield Services Root Certificate Authority - G2",
    ),
    row(
        "bfff8fd04433487d6a8aa60c1a29767a9fc2bbb05e420f713a13b992891d3893",
        "1.2.156.112559.1.1.6.1",
        "GDCA TrustAUTH R5 ROOT",
    ),
    row(
        "22a2c1f7bded704cc1e701b5f408c310880fe956b5de2a4a44f99c873a25a7c8",
        "2.23.140.1.1",
        "SSL.com EV Root Certification Authority ECC",
    ),
    row(
        "2e7bf16cc22485a7bbe2aa8696750761b0ae39be3b2fe9d0cc6d4ef73491425c",
        "2.23.140.1.1",
        "SSL.com EV Root Certification Authority RSA R2",
    ),
    row(
        "c32ffd9f46f936d16c3673990959434b9ad60aafbb9e7cf33654f144cc1ba143",
        "2.23.140.1.1",
        "SSL.com TLS ECC Root CA 2022",
    ),
    row(
        "8faf7d2e2cb4709bb8e0b33666bf75a5dd45b5de480f8ea8d4bfe6bebc17f2ed",
        "2.23.140.1.1",
        "SSL.com TLS RSA Root CA 2022",
    ),
    row(
        "d43af9b35473755c9684fc06d7d8cb70ee5c28e773fb294eb41ee71722924d24",
        "2.23.140.1.1",
        "UCA Extended Validation Root",
    ),
    row(
        "5a2fc03f0c83b090bbfa40604b0988446c7636183df9846e17101a447fb8efd6",
        "2.23.140.1.1",
        "Hongkong Post Root CA 3",
    ),
    row(
        "40f6af0346a99aa1cd1d555a4e9cce62c7f9634603ee406615833dc8c8d00367",
        "2.23.140.1.1",
        "emSign Root CA - G1",
    ),
    row(
        "86a1ecba089c4a8d3bbe2734c612ba341d813e043cf9e8a862cd5c57a36bbe6b",
        "2.23.140.1.1",
        "emSign ECC Root CA - G3",
    ),
    row(
        "125609aa301da0a249b97a8239cb6a34216f44dcac9f3954b14292f2e8c8608f",
        "2.23.140.1.1",
        "emSign Root CA - C1",
    ),
    row(
        "bc4d809b15189d78db3e1d8cf4f9726a795da1643ca5f1358e1ddb0edc0d7eb3",
        "2.23.140.1.1",
        "emSign ECC Root CA - C3",
    ),
    row(
        "657cfe2fa73faa38462571f332a2363a46fce7020951710702cdfbb6eeda3305",
        "2.23.140.1.1",
        "certSIGN ROOT CA G2",
    ),
    row(
        "5d56499be4d2e08bcfcad08a3e38723d50503bde706948e42f55603019e528ae",
        "2.23.140.1.1",
        "IdenTrust Commercial Root CA 1",
    ),
    row(
        "97552015f5ddfc3c8788c006944555408894450084f100867086bc1a2bb58dc8",
        "2.23.140.1.1",
        "Trustwave Global Certification Authority",
    ),
    row(
        "945bbc825ea554f489d1fd51a73ddf2ea624ac7019a05205225c22a78ccfa8b4",
        "2.23.140.1.1",
        "Trustwave Global ECC P256 Certification Authority",
    ),
    row(
        "55903859c8c0c3ebb8759ece4e2557225ff5758bbd38ebd48276601e1bd58097",
        "2.23.140.1.1",
        "Trustwave Global ECC P384 Certification Authority",
    ),
    row(
        "4fa3126d8d3a11d1c4855a4f807cbad6cf919d3a5a88b03bea2c6372d93c40c9",
        "2.23.140.1.1",
        "GlobalSign Root R46",
    ),
    row(
        "cbb9c44d84b8043e1050ea31a69f514955d7bfd2e2c6b49301019ad61d9f5058",
        "2.23.140.1.1",
        "GlobalSign Root E46",
    ),
    row(
        "554153b13d2cf9ddb753bfbe1a4e0ae08d0aa4187058fe60a2b862b2e4b87bcb",
        "2.23.140.1.1",
        "AC RAIZ FNMT-RCM SERVIDORES SEGUROS",
    ),
    row(
        "9a296a5182d1d451a2e37f439b74daafa267523329f90f9a0d2007c334e23c9a",
        "2.23.140.1.1",
        "GLOBALTRUST 2020",
    ),
    row(
        "6b328085625318aa50d173c98d8bda09d57e27413d114cf787a0f5d06c030cf6",
        "2.23.140.1.1",
        "Certum EC-384 CA",
    ),
    row(
        "fe7696573855773e37a95e7ad4d9cc96c30157c15d31765ba9b15704e1ae78fd",
        "2.23.140.1.1",
        "Certum Trusted Root CA",
    ),
    row(
        "fb8fec759169b9106b1e511644c618c51304373f6c0643088d8beffd1b997599",
        "2.23.140.1.1",
        "ANF Secure Server Root CA",
    ),
    row(
        "d95d0e8eda79525bf9beb11b14d2100d3294985f0c62d9fabd9cd999eccb7b1d",
        "2.23.140.1.1",
        "HARICA TLS RSA Root CA 2021",
    ),
    row(
        "3f99cc474acfce4dfed58794665e478d1547739f2e780f1bb4ca9b133097d401",
        "2.23.140.1.1",
        "HARICA TLS ECC Root CA 2021",
    ),
    row(
        "8a71de6559336f426c26e53880d00d88a18da4c6a91f0dcb6194e206c5c96387",
        "2.23.140.1.1",
        "vTrus Root CA",
    ),
    row(
        "30fbba2c32238e2a98547af97931e550428b9b3f1c8eeb6633dcfa86c5b27dd3",
        "2.23.140.1.1",
        "vTrus ECC Root CA",
    ),
    row(
        "57de0583efd2b26e0361da99da9df4648def7ee8441c3b728afa9bcde0f9b26a",
        "2.23.140.1.1",
        "Autoridad de Certificacion Firmaprofesional CIF A62634068",
    ),
    row(
        "6c61dac3a2def031506be036d2a6fe401994fbd13df9c8d466599274c446ec98",
        "2.23.140.1.1",
        "NetLock Arany (Class Gold)",
    ),
    row(
        "08170d1aa36453901a2f959245e347db0c8d37abaabc56b81aa100dc958970db",
        "2.23.140.1.1",
        "D-TRUST EV Root CA 1 2020",
    ),
    row(
        "f3896f88fe7c0a882766a7fa6ad2749fb57a7f3e98fb769c1fa7b09c2c44d5ae",
        "2.23.140.1.1",
        "BJCA Global Root CA1",
    ),
    row(
        "574df6931e278039667b720afdc1600fc27eb66dd3092979fb73856487212882",
        "2.23.140.1.1",
        "BJCA Global Root CA2",
    ),
    row(
        "c90f26f0fb1b4018b22227519b5ca2b53e2ca5b3be5cf18efe1bef47380c5383",
        "2.23.140.1.1",
        "Sectigo Public Server Authentication Root E46",
    ),
    row(
        "7bb647a62aeeac88bf257aa522d01ffea395e0ab45c73f93f65654ec38f25a06",
        "2.23.140.1.1",
        "Sectigo Public Server Authentication Root R46",
    ),
    row(
        "e0d3226aeb1163c2e48ff9be3b50b4c6431be7bb1eacc5c36b5d5ec509039a08",
        "2.23.140.1.1",
        "TrustAsia Global Root CA G3",
    ),
    row(
        "be4b56cb5056c0136a526df444508daa36a0b54f42e4ac38f72af470e479654c",
        "2.23.140.1.1",
        "TrustAsia Global Root CA G4",
    ),
    row(
        "578af4ded0853f4e5998db4aeaf9cbea8d945f60b620a38d1a3c13b2bc7ba8e1",
        "2.23.140.1.1",
        "Telekom Security TLS ECC Root 2020",
    ),
    row(
        "efc65cadbb59adb6efe84da22311b35624b71b3b1ea0da8b6655174ec8978646",
        "2.23.140.1.1",
        "Telekom Security TLS RSA Root 2023",
    ),
    row(
        "bef256daf26e9c69bdec1602359798f3caf71821a03e018257c53c65617f3d4a",
        "2.23.140.1.1",
        "FIRMAPROFESIONAL CA ROOT-A WEB",
    ),
    row(
        "3f034bb5704d44b2d08545a02057de93ebf3905fce721acbc730c06ddaee904e",
        "2.23.140.1.1",
        "SecureSign Root CA12",
    ),
    row(
        "4b009c1034494f9ab56bba3ba1d62731fc4d20d8955adcec10a925607261e338",
        "2.23.140.1.1",
        "SecureSign Root CA14",
    ),
    row(
        "e778f0f095fe843729cd1a0082179e5314a9c291442805e1fb1d8fb6b8886c3a",
        "2.23.140.1.1",
        "SecureSign Root CA15",
    ),
    row(
        "3f63bb2814be174ec8b6439cf08d6d56f0b7c405883a5648a334424d6b3ec558",
        "2.23.140.1.1",
        "TWCA CYBER Root CA",
    ),
    row(
        "8e8221b2e7d4007836a1672f0dcc299c33bc07d316f132fa1a206d587150f1ce",
        "2.23.140.1.1",
        "D-TRUST EV Root CA 2 2023",
    ),
    row(
        "c0076b9ef0531fb1a656d67c4ebe97cd5dbaa41ef44598acc2489878c92d8711",
        "2.23.140.1.1",
        "TrustAsia TLS ECC Root CA",
    ),
    row(
        "06c08d7dafd876971eb1124fe67f847ec0c7a158d353eacbe940e2ea9791f4c3",
        "2.23.140.1.1",
        "TrustAsia TLS RSA Root CA",
    ),
];

const fn row(sha256: &'static str, policy: &'static str, name: &'static str) -> EvRoot {
    EvRoot { sha256, policy, name }
}
