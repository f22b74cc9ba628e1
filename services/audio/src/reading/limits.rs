//! The limits that a reader sets to itself before it reads anything. They cannot be taken back.

/// How much memory a reader may take beside its program, in bytes: the largest picture that is decoded, and its
/// reduced copy.
#[cfg(unix)]
const MEMORY_BYTES_MAX: u64 = 184 << 20;
/// How much of it a quick job may take: tags with a cover of some megabytes, or a cover of 2,500 pixels in square.
#[cfg(unix)]
const QUICK_BYTES_MAX: u64 = 48 << 20;
/// The processor time of one job, in seconds. The clock on the wall ends most jobs before.
#[cfg(unix)]
const JOB_CPU_S: u64 = 3;
/// The processor time of a reader's whole life, in seconds.
#[cfg(unix)]
const LIFE_CPU_S: u64 = 3600;

/// The limits of a life.
#[derive(Debug)]
pub(super) struct Limits {
    /// How much of the address space the program itself takes, with its libraries. `None` where it is not known.
    #[cfg(unix)]
    program_bytes: Option<u64>,
}

/// Sets the limits of a life.
#[cfg(unix)]
pub(super) fn for_life() -> std::io::Result<Limits> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let to = |limit: u64| Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    let program_bytes = program_bytes();
    if let Some(program) = program_bytes {
        setrlimit(Resource::As, to(program + MEMORY_BYTES_MAX))?;
    }
    setrlimit(Resource::Core, to(0))?;
    setrlimit(Resource::Fsize, to(0))?;
    setrlimit(Resource::Cpu, to(LIFE_CPU_S))?;
    // It has all files that it needs, and starts nothing.
    setrlimit(Resource::Nofile, to(3))?;
    setrlimit(Resource::Nproc, to(0))?;
    Ok(Limits { program_bytes })
}

/// Sets the limits of the next job.
#[cfg(unix)]
pub(super) fn for_a_job(limits: &Limits, is_quick: bool) -> std::io::Result<()> {
    use rustix::{
        process::{Resource, Rlimit, setrlimit},
        time::{ClockId, clock_gettime},
    };
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let limit = Rlimit {
        current: Some((used.tv_sec as u64 + JOB_CPU_S).min(LIFE_CPU_S)),
        maximum: Some(LIFE_CPU_S),
    };
    setrlimit(Resource::Cpu, limit)?;
    if let Some(program) = limits.program_bytes {
        let job = if is_quick {
            QUICK_BYTES_MAX
        } else {
            MEMORY_BYTES_MAX
        };
        let limit = Rlimit {
            current: Some(program + job),
            maximum: Some(program + MEMORY_BYTES_MAX),
        };
        setrlimit(Resource::As, limit)?;
    }
    Ok(())
}

#[cfg(unix)]
fn program_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let kibibytes: u64 = size.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Other systems have no such limits; the process that started the reader still ends it when it takes too long.
#[cfg(not(unix))]
pub(super) fn for_life() -> std::io::Result<Limits> {
    Ok(Limits {})
}

#[cfg(not(unix))]
pub(super) fn for_a_job(_: &Limits, _is_quick: bool) -> std::io::Result<()> {
    Ok(())
}
