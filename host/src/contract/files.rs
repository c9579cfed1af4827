//! The contract of the disk.

use std::io::ErrorKind;

use crate::{Disk, Host};

const FILE: &str = "contract.dat";
const NEW_NAME: &str = "contract-renamed.dat";

pub(super) async fn contract(host: &Host) {
    let disk = &*host.disk();
    nothing_yet(disk).await;
    content_is_kept(disk).await;
    names_move(host, disk).await;
    only_plain_names(disk).await;
}

async fn nothing_yet(disk: &dyn Disk) {
    let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
    let read = disk.read(FILE).await.map(|_| ());
    assert_eq!(kind(read), ErrorKind::NotFound);
    assert_eq!(kind(disk.remove(FILE).await), ErrorKind::NotFound);
    assert_eq!(kind(disk.sync(FILE).await), ErrorKind::NotFound);
    let rename = disk.rename(FILE, NEW_NAME).await;
    assert_eq!(kind(rename), ErrorKind::NotFound);
}

async fn content_is_kept(disk: &dyn Disk) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    disk.write(FILE, every_byte.clone()).await.unwrap();
    disk.sync(FILE).await.unwrap();
    assert_eq!(disk.read(FILE).await.unwrap(), every_byte);

    disk.write(FILE, b"short".to_vec()).await.unwrap();
    assert_eq!(disk.read(FILE).await.unwrap(), b"short", "a write replaces all of the content");
    disk.append(FILE, b" and ".to_vec()).await.unwrap();
    disk.append(FILE, b"longer".to_vec()).await.unwrap();
    disk.sync(FILE).await.unwrap();
    assert_eq!(disk.read(FILE).await.unwrap(), b"short and longer");

    disk.write(FILE, Vec::new()).await.unwrap();
    assert_eq!(disk.read(FILE).await.unwrap(), b"");
    disk.remove(FILE).await.unwrap();
    disk.append(FILE, b"created".to_vec()).await.unwrap();
    assert_eq!(disk.read(FILE).await.unwrap(), b"created");
}

async fn names_move(host: &Host, disk: &dyn Disk) {
    disk.write(NEW_NAME, b"in the way".to_vec()).await.unwrap();
    disk.rename(FILE, NEW_NAME).await.unwrap();
    assert_eq!(disk.read(NEW_NAME).await.unwrap(), b"created");
    let old = disk.read(FILE).await.unwrap_err();
    assert_eq!(old.kind(), ErrorKind::NotFound);

    let same_disk = host.disk();
    assert_eq!(same_disk.read(NEW_NAME).await.unwrap(), b"created");
    disk.remove(NEW_NAME).await.unwrap();
    let removed = disk.read(NEW_NAME).await.unwrap_err();
    assert_eq!(removed.kind(), ErrorKind::NotFound);
}

async fn only_plain_names(disk: &dyn Disk) {
    for name in ["", ".", "..", "../contract", "/contract", "contract/a"] {
        let error = disk.write(name, b"?".to_vec()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "name {name:?}");
    }
}
