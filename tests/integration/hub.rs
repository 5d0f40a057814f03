//! Models of a hub, from a server of our own that speaks as much of its language as is needed.

use crate::{mujaz, repo};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one model, `org/tiny`, which is `org/gated` too for who has the token "open"; what it serves stands in
/// `tests/fixtures/tiny-bert`.
struct Hub {
    address: String,
    requests: Arc<AtomicUsize>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = answer(stream);
            }
        });
        Self { address, requests }
    }
}

/// One file, whole or from a byte on, as the hub does it: ETag, commit and Content-Range.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut range = (0, usize::MAX);
    let mut allowed = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        allowed |= line.trim().eq_ignore_ascii_case("authorization: bearer open");
        if let Some((first, last)) = line.to_lowercase().strip_prefix("range: bytes=").and_then(|r| r.trim().split_once('-')) {
            range = (first.parse().unwrap(), last.parse().unwrap_or(usize::MAX));
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path.starts_with("/org/gated/") && !allowed {
        return stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let path = path.replace("/gated/", "/tiny/");
    let file = ["main", COMMIT].iter().find_map(|revision| path.strip_prefix(&format!("/org/tiny/resolve/{revision}/")));
    let Some(content) = file.and_then(|file| fs::read(repo("tests/fixtures/tiny-bert").join(file)).ok()) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let last = range.1.min(content.len() - 1);
    let part = &content[range.0..=last];
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Range: bytes {}-{last}/{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        file.unwrap_or_default(),
        range.0,
        content.len(),
        part.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(part)
}

/// Exit status, standard output and standard error of the program with a cache of its own.
fn run(cache: &Path, endpoint: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = mujaz();
    command
        .env("HF_HOME", cache)
        .env("HF_ENDPOINT", endpoint)
        .env_remove("HF_HUB_OFFLINE")
        .env_remove("HF_TOKEN")
        .env_remove("HF_HUB_CACHE")
        .env_remove("HUGGINGFACE_HUB_CACHE");
    let output = command.args(args).write_stdin("{\"id\":\"1\",\"text\":\"أعلن المبعوث هدنة في حلب.\"}\n").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_model_is_fetched_once_and_then_read_without_a_network() {
    let (cache, hub) = (tempfile::tempdir().unwrap(), Hub::start());
    let analyze = |endpoint: &str, more: &[&str]| {
        let args = [&["analyze", "-q", "--model", "hub:org/tiny"], more].concat();
        run(cache.path(), endpoint, &args)
    };
    let (status, _, told) = analyze(&hub.address, &["--offline"]);
    assert!(status == Some(2) && told.contains("mujaz model pull hub:org/tiny"), "{told}");
    assert_eq!(hub.requests.load(Ordering::SeqCst), 0, "--offline asks nobody");
    let (status, first, told) = analyze(&hub.address, &[]);
    assert_eq!(status, Some(0), "{told}");
    let asked = hub.requests.load(Ordering::SeqCst);
    assert!(asked >= 3);
    let (status, again, told) = analyze("http://127.0.0.1:9", &[]);
    assert_eq!((status, &again), (Some(0), &first), "{told}");
    assert_eq!(analyze("http://127.0.0.1:9", &["--offline"]).1, first);
    let (_, folder, _) = run(cache.path(), &hub.address, &["model", "pull", "hub:org/tiny"]);
    assert!(hub.requests.load(Ordering::SeqCst) > asked, "pull asks again");
    let folder = Path::new(folder.trim());
    assert!(folder.ends_with(COMMIT));
    let own = fs::read(repo("tests/fixtures/tiny-bert/model.safetensors")).unwrap();
    assert_eq!(fs::read(folder.join("model.safetensors")).unwrap(), own);
    let (status, _, told) = analyze("http://127.0.0.1:9", &["--errors", folder.join("config.json").to_str().unwrap()]);
    assert!(status == Some(2) && told.contains("both an input and an output"), "{told}");
}

#[test]
fn what_cannot_be_fetched_is_said() {
    let (cache, hub) = (tempfile::tempdir().unwrap(), Hub::start());
    let says = |endpoint: &str, args: &[&str], words: &str| {
        let (status, _, told) = run(cache.path(), endpoint, args);
        assert!(status == Some(2) && told.contains(words), "{told}");
    };
    says(&hub.address, &["model", "pull", "hub:org/other"], "is there such a model");
    says(&hub.address, &["model", "pull", "hub:org/tiny@v9"], "is there such a model");
    says(&hub.address, &["model", "pull", "hub:org/tiny", "--offline"], "--offline forbids");
    says(&hub.address, &["model", "pull", "some/folder"], "no model of a hub");
    says(&hub.address, &["model", "info", "hub:tiny"], "hub:ORG/NAME");
    says("http://127.0.0.1:9", &["model", "info", "hub:org/tiny"], "HF_ENDPOINT");
    says(&hub.address, &["model", "pull", "hub:org/gated"], "set HF_TOKEN");
}

#[test]
fn a_token_opens_a_gated_model() {
    let (cache, hub) = (tempfile::tempdir().unwrap(), Hub::start());
    let mut command = mujaz();
    command.env("HF_HOME", cache.path()).env("HF_ENDPOINT", &hub.address).env_remove("HF_HUB_OFFLINE").env("HF_TOKEN", "open");
    let other = tempfile::tempdir().unwrap();
    command.env("HF_HUB_CACHE", other.path()).args(["model", "pull", "hub:org/gated"]).assert().success();
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "the cache that is named is used");
    assert!(other.path().join("models--org--gated/snapshots").join(COMMIT).join("config.json").exists());
    // A commit is found in the cache although no branch of that name points to it.
    fs::remove_dir_all(other.path().join("models--org--gated/refs")).unwrap();
    let mut command = mujaz();
    command.env("HF_HUB_CACHE", other.path()).env("HF_HUB_OFFLINE", "1");
    command.args(["model", "info", &format!("hub:org/gated@{COMMIT}")]).assert().success();
}

#[test]
fn the_cache_of_a_user_is_where_other_tools_have_it() {
    let (user, hub) = (tempfile::tempdir().unwrap(), Hub::start());
    let home = user.path().join("huggingface");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("token"), "open\n").unwrap();
    let mut command = mujaz();
    for other in ["HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"] {
        command.env_remove(other);
    }
    command.env("HF_HOME", "").env("XDG_CACHE_HOME", user.path()).env("HF_ENDPOINT", &hub.address);
    command.args(["model", "pull", "hub:org/gated"]).assert().success();
    let found = home.join("hub/models--org--gated/snapshots").join(COMMIT).join("config.json");
    assert!(found.exists(), "in XDG_CACHE_HOME, by the token that stands there");
}
