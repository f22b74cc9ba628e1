use super::*;

fn written(chain: &Chain, events: &[&str]) {
    for event in events {
        let fields = [("who".to_owned(), format!("user of {event}"))];
        chain.append(event, fields.into()).unwrap();
    }
}

fn events(chain: &Chain) -> Vec<String> {
    let told = |checked| match checked {
        Checked::Line(line) => line.event,
        Checked::Cut => "cut".to_owned(),
        Checked::Broken { number, .. } => format!("broken {number}"),
    };
    chain.check().unwrap().into_iter().map(told).collect()
}

#[test]
fn a_line_that_is_changed_or_gone_breaks_the_chain() {
    let data = tempfile::tempdir().unwrap();
    let chain = Chain::of(data.path());
    assert_eq!(chain.head().unwrap(), NOTHING);
    written(&chain, &["one", "two", "three", "four"]);
    assert_eq!(events(&chain), ["one", "two", "three", "four"]);
    let path = chain.file(0);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replace("user of two", "user of ten")).unwrap();
    assert_eq!(events(&chain), ["one", "two", "broken 3", "four"]);
    let without = whole.lines().filter(|line| !line.contains("three"));
    fs::write(
        &path,
        without.map(|line| format!("{line}\n")).collect::<String>(),
    )
    .unwrap();
    assert_eq!(events(&chain), ["one", "two", "broken 3"]);
    // What goes on behind does not hide it.
    written(&chain, &["five"]);
    assert_eq!(events(&chain), ["one", "two", "broken 3", "five"]);
}

#[test]
fn a_line_that_a_crash_cut_is_told_and_nothing_else_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let chain = Chain::of(data.path());
    written(&chain, &["one", "two"]);
    let whole = fs::read(chain.file(0)).unwrap();
    fs::write(chain.file(0), &whole[..whole.len() - 20]).unwrap();
    written(&chain, &["three"]);
    assert_eq!(events(&chain), ["one", "cut", "three"]);
}

#[test]
fn the_chain_goes_on_over_files_and_the_oldest_are_dropped() {
    let data = tempfile::tempdir().unwrap();
    // So small that each line fills a file.
    let chain = Chain {
        file_bytes_max: 1,
        ..Chain::of(data.path())
    };
    let all: Vec<_> = (0..15).map(|number| format!("event {number}")).collect();
    for event in &all {
        written(&chain, &[event]);
    }
    let kept = usize::try_from(FILES_MAX + 1).unwrap();
    assert_eq!(events(&chain), all[all.len() - kept..]);
    assert!(!chain.file(FILES_MAX + 1).exists());
}

#[test]
fn many_writers_make_one_chain() {
    let data = tempfile::tempdir().unwrap();
    let write = || {
        let chain = Chain::of(data.path());
        (0..50).for_each(|_| written(&chain, &["event"]));
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(write))));
    assert_eq!(events(&Chain::of(data.path())), ["event"; 200]);
}
