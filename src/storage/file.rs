use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Storage, Stored};

const LOCK: &str = "lock";
const LOG: &str = "log";
const SNAPSHOT: &str = "snapshot";
/// A snapshot that is not whole yet. A crash may leave it behind.
const UNFINISHED: &str = "snapshot.new";

/// A replica's storage in a directory of its own: a log, a snapshot, and a lock.
///
/// Everything is durable before a call returns: files are synced, and so is the directory after a file was
/// created or renamed. The lock keeps a second process (and a second `FileStorage` of this one) out; it is the
/// operating system's, so it goes with the process that holds it, however that ends. It does not tell a copy of
/// the directory, or a backup that was restored, from the original: for that, every start takes an incarnation of
/// its own ([`Writer::resume`](crate::Writer::resume)).
///
/// ```
/// use dotted::{FileStorage, OrSet, Persistent, Uuid, Writer};
///
/// let directory = std::env::temp_dir().join(Uuid::new_v4().to_string());
/// let resume = |record: Option<_>| record.map_or_else(Writer::new, |record| Writer::resume(record, Uuid::new_v4()));
/// let storage = FileStorage::open(&directory)?;
/// let mut cart = Persistent::<OrSet<String>, _>::open(storage, Default::default(), resume)?;
/// cart.update(|set, writer| set.insert(writer, "milk".to_string()));
/// cart.save()?; // It is on the disk.
/// drop(cart);
/// let storage = FileStorage::open(&directory)?;
/// let cart = Persistent::<OrSet<String>, _>::open(storage, Default::default(), resume)?;
/// assert!(cart.value().contains("milk"));
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Costs
/// An [`append`](Storage::append) with its [`sync`](Storage::sync) is one write and one sync of a file; a
/// [`replace`](Storage::replace) writes all, and syncs two files and the directory.
pub struct FileStorage {
    directory: Directory,
    log: File,
    /// Held until this is dropped.
    _lock: File,
}

/// Where the files are, and how they are called.
struct Directory {
    path: PathBuf,
    #[cfg(feature = "mutants")]
    faults: Option<Faults>,
}

/// Says of each call to the file system whether it fails, and how.
#[cfg(feature = "mutants")]
type Faults = Box<dyn FnMut(FileCall<'_>) -> Option<super::Fault> + Send>;

/// A call to the file system that changes something, for tests that let it fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutants"), allow(dead_code))]
#[doc(hidden)]
pub enum FileCall<'a> {
    Create(&'a str),
    Write(&'a str, &'a [u8]),
    Truncate(&'a str),
    Sync(&'a str),
    Rename(&'a str, &'a str),
    SyncDirectory,
}

/// A call to the file system failed. What was stored before is still there.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The directory is in use: by another process, or by another `FileStorage` of this one. Nothing was read
    /// or written.
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The operating system refused a call. After one while saving, nothing is appended any more before a new
    /// snapshot is stored.
    Failed {
        /// What was to be done.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { directory } => write!(f, "{} is in use by another process", directory.display()),
            Self::Failed { action, path, error } => write!(f, "cannot {action} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Locked { .. } => None,
            Self::Failed { error, .. } => Some(error),
        }
    }
}

impl FileStorage {
    /// Opens the storage in `directory`, which is made if it is not there, and locks it.
    ///
    /// # Errors
    /// [`FileError::Locked`] where it is in use, [`FileError::Failed`] where the file system fails. What is
    /// stored is as it was.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = directory.into();
        fs::create_dir_all(&path).map_err(failed("make", &path))?;
        let lock = open_to_write(&path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::Locked { directory: path }),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        let log = open_to_write(&path.join(LOG))?;
        // The files above may be new, and so may the directory.
        sync_directory(&path).map_err(failed("sync", &path))?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_directory(parent).map_err(failed("sync", parent))?;
        }
        let directory = Directory {
            path,
            #[cfg(feature = "mutants")]
            faults: None,
        };
        Ok(Self { directory, log, _lock: lock })
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory.path
    }

    /// Lets calls to the file system fail from now on.
    #[cfg(feature = "mutants")]
    #[doc(hidden)]
    #[must_use]
    pub fn with_faults(mut self, faults: impl FnMut(FileCall<'_>) -> Option<super::Fault> + Send + 'static) -> Self {
        self.directory.faults = Some(Box::new(faults));
        self
    }
}

impl Storage for FileStorage {
    type Error = FileError;

    fn load(&mut self) -> Result<Stored, FileError> {
        let (log, snapshot) = (self.directory.at(LOG), self.directory.at(SNAPSHOT));
        let mut stored = Stored::default();
        match fs::read(&snapshot) {
            Ok(bytes) => stored.snapshot = Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read", &snapshot)(error)),
        }
        let read = |file: &mut File, bytes: &mut Vec<u8>| {
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(bytes)
        };
        read(&mut self.log, &mut stored.log).map_err(failed("read", &log))?;
        // A process before may have ended before it had synced them.
        self.directory.sync(LOG, &self.log)?;
        self.directory.sync_entries()?;
        Ok(stored)
    }

    fn replace(&mut self, snapshot: &[u8]) -> Result<(), FileError> {
        let Self { directory, log, .. } = self;
        let mut file = directory.create(UNFINISHED)?;
        directory.write(UNFINISHED, &mut file, snapshot)?;
        directory.sync(UNFINISHED, &file)?;
        drop(file);
        directory.rename(UNFINISHED, SNAPSHOT)?;
        // Before the log goes, which the old snapshot needs.
        directory.sync_entries()?;
        directory.truncate(LOG, log)?;
        directory.sync(LOG, log)
    }

    fn append(&mut self, record: &[u8]) -> Result<(), FileError> {
        self.directory.write(LOG, &mut self.log, record)
    }

    fn sync(&mut self) -> Result<(), FileError> {
        self.directory.sync(LOG, &self.log)
    }
}

impl Directory {
    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn create(&mut self, name: &str) -> Result<File, FileError> {
        let path = self.at(name);
        let mut file = None;
        self.call("create", name, FileCall::Create(name), |_| {
            file = Some(File::create(path)?);
            Ok(())
        })?;
        // It is there, as the call was made.
        file.map_or_else(|| open_to_write(&self.at(name)), Ok)
    }

    fn write(&mut self, name: &str, file: &mut File, bytes: &[u8]) -> Result<(), FileError> {
        self.call("write", name, FileCall::Write(name, bytes), |len| file.write_all(&bytes[..len.min(bytes.len())]))
    }

    fn truncate(&mut self, name: &str, file: &mut File) -> Result<(), FileError> {
        self.call("truncate", name, FileCall::Truncate(name), |_| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0)).map(drop)
        })
    }

    fn sync(&mut self, name: &str, file: &File) -> Result<(), FileError> {
        self.call("sync", name, FileCall::Sync(name), |_| file.sync_all())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        let (old, new) = (self.at(from), self.at(to));
        self.call("rename", from, FileCall::Rename(from, to), |_| fs::rename(old, new))
    }

    fn sync_entries(&mut self) -> Result<(), FileError> {
        let path = self.path.clone();
        self.call("sync", "", FileCall::SyncDirectory, |_| sync_directory(&path))
    }

    /// Makes a call, which is told how many bytes it may write.
    #[cfg_attr(not(feature = "mutants"), allow(unused_variables))]
    fn call(
        &mut self,
        action: &'static str,
        name: &str,
        call: FileCall<'_>,
        make: impl FnOnce(usize) -> io::Result<()>,
    ) -> Result<(), FileError> {
        #[cfg(feature = "mutants")]
        if let Some(fault) = self.faults.as_mut().and_then(|faults| faults(call)) {
            match fault {
                super::Fault::Nothing => {}
                super::Fault::Partly(len) => _ = make(len),
                super::Fault::Everything => _ = make(usize::MAX),
            }
            return Err(failed(action, &self.at(name))(io::Error::other(super::StorageFault)));
        }
        make(usize::MAX).map_err(failed(action, &self.at(name)))
    }
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStorage").field("directory", &self.directory.path).finish_non_exhaustive()
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |error| FileError::Failed { action, path, error }
}

/// Whatever is in the file stays.
fn open_to_write(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(failed("open", path))
}

/// So that files which were created or renamed in it are found after a crash.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere directories cannot be opened, and entries are as durable as the system makes them.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
