//! Files of other tools: read, missing, partial, malformed.

use osseal::credentials::CredentialSource::{Aliyun, Ossutil};
use osseal::credentials::CredentialsErrorKind::{Absent, Broken};

use super::cloud::{Cloud, Home, SECRET, told};

const AK: &str =
    r#""mode":"AK","access_key_id":"id","access_key_secret":"hunter2-must-never-be-printed","sts_token":"""#;

#[tokio::test]
async fn profiles_of_the_vendors_command_line() {
    let cloud = Cloud::silent();
    let found = Home::with_profile(AK).ask(Aliyun, &cloud).await.unwrap();
    assert_eq!(told(&found), ("id", true, None));
    assert!(
        found.detail.contains("profile work of ") && found.detail.ends_with("mode AK"),
        "{}",
        found.detail
    );

    let token = AK.replace("\"AK\"", "\"StsToken\"").replace(r#""sts_token":"""#, r#""sts_token":"t""#);
    let found = Home::with_profile(&token).ask(Aliyun, &cloud).await.unwrap();
    assert_eq!(told(&found), ("id", true, Some("t")));
    // A token that another mode left behind is not sent.
    let stale = AK.replace(r#""sts_token":"""#, r#""sts_token":"t""#);
    assert_eq!(told(&Home::with_profile(&stale).ask(Aliyun, &cloud).await.unwrap()), ("id", true, None));
}

#[tokio::test]
async fn profiles_are_chosen() {
    let cloud = Cloud::silent();
    let profile = |name: &str| {
        format!(
            r#"{{"name":"{name}","mode":"AK","access_key_id":"{name}-id","access_key_secret":"{SECRET}"}}"#
        )
    };
    let both = |current: &str| {
        format!(r#"{{"current":"{current}","profiles":[{},{}]}}"#, profile("default"), profile("other"))
    };
    let home = |current: &str| Home::new().file(".aliyun/config.json", both(current));
    let id = async |home: Home| home.ask(Aliyun, &cloud).await.map(|found| told(&found).0.to_owned());
    assert_eq!(id(home("other")).await.unwrap(), "other-id");
    assert_eq!(id(home("")).await.unwrap(), "default-id");
    assert_eq!(id(home("other").set("ALIBABA_CLOUD_PROFILE", "default")).await.unwrap(), "default-id");
    home("gone").fails(Aliyun, &cloud, Broken, &["no profile gone"]).await;
    home("").set("ALIBABA_CLOUD_PROFILE", "gone").fails(Aliyun, &cloud, Broken, &["no profile gone"]).await;
    Home::new()
        .set("ALIBABA_CLOUD_PROFILE", "x")
        .fails(Aliyun, &cloud, Broken, &["ALIBABA_CLOUD_PROFILE", "does not exist"])
        .await;

    let named = Home::new().file("elsewhere.json", both("other"));
    let path = named.path().join("elsewhere.json");
    assert_eq!(id(named.set("ALIBABA_CLOUD_CONFIG_FILE", path.to_str().unwrap())).await.unwrap(), "other-id");
    let gone = path.with_file_name("gone.json");
    Home::new()
        .set("ALIBABA_CLOUD_CONFIG_FILE", gone.to_str().unwrap())
        .fails(Aliyun, &cloud, Broken, &["ALIBABA_CLOUD_CONFIG_FILE", "gone.json"])
        .await;
    let off = home("other").set("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    off.fails(Aliyun, &cloud, Absent, &["ALIBABA_CLOUD_CLI_PROFILE_DISABLED"]).await;
    let unclear = home("other").set("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "maybe");
    unclear.fails(Aliyun, &cloud, Broken, &["neither true nor false"]).await;
}

#[tokio::test]
async fn profiles_that_are_missing_or_partial() {
    let cloud = Cloud::silent();
    Home::new().fails(Aliyun, &cloud, Absent, &["does not exist", ".aliyun/config.json"]).await;
    for text in [r#"{"current":"","profiles":null}"#, r#"{"profiles":[]}"#, "{}"] {
        Home::new().file(".aliyun/config.json", text).fails(Aliyun, &cloud, Absent, &["no profiles"]).await;
    }
    for members in [r#""mode":"AK","access_key_id":"","access_key_secret":"""#, r#""mode":"""#] {
        Home::with_profile(members).fails(Aliyun, &cloud, Absent, &["no access key yet"]).await;
    }
    for (members, word) in [
        (AK.replace(r#""access_key_id":"id","#, ""), "no access_key_id"),
        (AK.replace("access_key_secret", "x"), "no access_key_secret"),
        (AK.replace("\"AK\"", "\"StsToken\""), "no sts_token"),
        (AK.replace("\"AK\"", "\"RamRoleArn\""), "no ram_role_arn"),
        (AK.replace("\"AK\"", "\"OIDC\""), "no oidc_provider_arn"),
        (AK.replace("\"AK\"", "\"External\""), "no process_command"),
        (AK.replace("\"AK\"", "\"CloudSSO\""), "mode \"CloudSSO\" is not supported"),
        (AK.replace("\"AK\"", "\"ChainableRamRoleArn\""), "mode \"ChainableRamRoleArn\" is not supported"),
        (AK.replace("\"AK\"", &format!("\"{SECRET}\"")), "mode (not a name) is not supported"),
    ] {
        Home::with_profile(&members).fails(Aliyun, &cloud, Broken, &["profile work of ", word]).await;
    }
}

#[tokio::test]
async fn files_that_are_malformed() {
    let cloud = Cloud::silent();
    let good = format!(r#"{{"current":"work","profiles":[{{"name":"work",{AK}}}]}}"#);
    let ini = format!("[default]\naccess-key-id = id\naccess-key-secret = {SECRET}\n");
    for (source, name, good) in
        [(Aliyun, ".aliyun/config.json", good.as_str()), (Ossutil, ".ossutilconfig", &ini)]
    {
        // The control: with a byte order mark it is good.
        for text in [good.to_owned(), format!("\u{feff}{good}"), good.replace('\n', "\r\n")] {
            let found = Home::new().file(name, &text).ask(source, &cloud).await.unwrap();
            assert_eq!(told(&found), ("id", true, None), "{text:?}");
        }
        for (bytes, word) in [
            (b"".to_vec(), "is empty"),
            (b" \n".to_vec(), "is empty"),
            ([b"\xff\xfe", good.as_bytes()].concat(), "not UTF-8"),
            (vec![b'#'; (1 << 20) + 1], "larger than 1 MiB"),
        ] {
            Home::new().file(name, bytes).fails(source, &cloud, Broken, &[name, word]).await;
        }
        let folder = Home::new().file(&format!("{name}/x"), "");
        folder.fails(source, &cloud, Broken, &[name, "not a regular file"]).await;
    }
    for text in [
        good[..good.len() - 1].to_owned(),
        good.replace(&format!("\"{SECRET}\""), &format!("[\"{SECRET}\"]")),
        good.replace("\"work\"", SECRET),
        format!("{good}{SECRET}"),
        format!("\"{SECRET}\""),
        r#"{"profiles":[{"expired_seconds":"hunter2"}]}"#.to_owned(),
        r#"{"profiles":[{"expired_seconds":-1}]}"#.to_owned(),
    ] {
        let home = Home::new().file(".aliyun/config.json", &text);
        home.fails(Aliyun, &cloud, Broken, &["config.json", "line 1 is not understood"]).await;
    }
    for text in
        [format!("[default\n{SECRET}\n"), format!("[default]\n={SECRET}\n"), format!("[]\n = {SECRET}")]
    {
        let home = Home::new().file(".ossutilconfig", &text);
        let error = home.ask(Ossutil, &cloud).await.unwrap_err();
        assert!(error.to_string().contains(".ossutilconfig"), "{text:?}: {error}");
        super::cloud::assert_tight(&format!("{error} {error:?}"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn files_that_cannot_be_read() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let cloud = Cloud::silent();
    let home = Home::new().file(".ossutilconfig", "[default]\n");
    let path = home.path().join(".ossutilconfig");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything.
    if std::fs::read(&path).is_err() {
        home.fails(Ossutil, &cloud, Broken, &["cannot be read"]).await;
    }
    let loops = Home::new();
    symlink(".ossutilconfig", loops.path().join(".ossutilconfig")).unwrap();
    loops.fails(Ossutil, &cloud, Broken, &["cannot be read"]).await;
}

#[tokio::test]
async fn configurations_of_ossutil() {
    let cloud = Cloud::silent();
    let of = async |text: &str| Home::new().file(".ossutilconfig", text).ask(Ossutil, &cloud).await;
    for (text, token, detail) in [
        (
            // Version 1.
            format!(
                "[Credentials]\nlanguage=EN\nendpoint=oss-cn-hangzhou.aliyuncs.com\naccessKeyID=id\naccessKeySecret={SECRET}\n"
            ),
            None,
            "access key",
        ),
        (
            format!("[Credentials]\naccessKeyID=id\naccessKeySecret={SECRET}\nstsToken=a+b/c==;#:\n"),
            Some("a+b/c==;#:"),
            "access key",
        ),
        // Version 2.
        (
            format!("# mine\n[default]\naccessKeyId=id\naccess_key_secret={SECRET}\nregion=cn-x\n"),
            None,
            "access key",
        ),
        (
            format!(
                "[profile default]\nmode=AK\nACCESS-KEY-ID = id \naccesskeysecret={SECRET}\nsts-token=t\n"
            ),
            None,
            "mode AK",
        ),
        (
            format!(
                "[default]\nmode = StsToken\naccess-key-id=id\naccess-key-secret={SECRET}\nsts-token=t\n"
            ),
            Some("t"),
            "mode StsToken",
        ),
        (
            format!(
                "[profile other]\naccess-key-id=wrong\n[default]\nregion=cn-x\n[Credentials]\naccessKeyID=id\naccessKeySecret={SECRET}\n"
            ),
            None,
            "access key",
        ),
    ] {
        let found = of(&text).await.unwrap();
        assert_eq!(told(&found), ("id", true, token), "{text}");
        assert!(found.detail.ends_with(&format!(".ossutilconfig, {detail}")), "{}", found.detail);
    }
    for (text, kind, words) in [
        ("[default]\nregion=cn-x\n", Absent, &["no access key"][..]),
        ("[Credentials]\nlanguage=EN\n", Absent, &["no access key"]),
        ("[Credentials]\naccessKeyID=id\n", Broken, &["section [credentials]", "no access-key-secret"]),
        ("[default]\naccess-key-secret=hunter2\n", Broken, &["section [default]", "no access-key-id"]),
        (
            "[default]\nmode=StsToken\naccess-key-id=id\naccess-key-secret=hunter2\n",
            Broken,
            &["no sts-token"],
        ),
        (
            "[default]\nmode=RamRoleArn\naccess-key-id=id\naccess-key-secret=hunter2\n",
            Broken,
            &["no role-arn"],
        ),
        ("[default]\nmode=Anonymous\n", Broken, &["mode \"Anonymous\" is not supported", "StsToken"]),
        ("[AkService]\necsAk=http://hunter2.example/x\n", Broken, &["ecsAk does not lead"]),
        ("[AkService]\necsAk=http://100.100.100.200/x/\n", Broken, &["ecsAk does not lead"]),
    ] {
        Home::new().file(".ossutilconfig", text).fails(Ossutil, &cloud, kind, words).await;
    }
    Home::new().fails(Ossutil, &cloud, Absent, &["does not exist", ".ossutilconfig"]).await;
    assert!(cloud.lines().is_empty(), "files are read without asking anybody");
}
