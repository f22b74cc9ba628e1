use proptest::prelude::*;

use super::*;

type Said = (
    &'static str,
    &'static str,
    &'static str,
    Option<u32>,
    Option<u32>,
    Option<u32>,
);

#[test]
fn paths_as_people_have_them_say_their_names() {
    let none = None;
    let said: [(&str, Said); 31] = [
        (
            "Artist/Album/01 - Title.ogg",
            ("Title", "Artist", "Album", Some(1), none, none),
        ),
        (
            "Artist - Title.mp3",
            ("Title", "Artist", "", none, none, none),
        ),
        (
            "07 - Some Artist - Untagged Song.mp3",
            ("Untagged Song", "Some Artist", "", Some(7), none, none),
        ),
        (
            "Artist/Album/CD2/03. Title.flac",
            ("Title", "Artist", "Album", Some(3), Some(2), none),
        ),
        (
            "Artist/Album/Disc 1/2-07 Title.flac",
            ("Title", "Artist", "Album", Some(7), Some(1), none),
        ),
        (
            "Artist/Album/2-07 Title.flac",
            ("Title", "Artist", "Album", Some(7), Some(2), none),
        ),
        (
            "Artist/1997 - Album/01 Title.mp3",
            ("Title", "Artist", "Album", Some(1), none, Some(1997)),
        ),
        (
            "Artist/(1997) Album/01 Title.mp3",
            ("Title", "Artist", "Album", Some(1), none, Some(1997)),
        ),
        (
            "Artist/Album [1997]/01_Title_Two.mp3",
            ("Title Two", "Artist", "Album", Some(1), none, Some(1997)),
        ),
        (
            "Artist/Artist - Album/[01] Title.mp3",
            ("Title", "Artist", "Album", Some(1), none, none),
        ),
        (
            "Artist - Album/01 Title.mp3",
            ("Title", "Artist", "Album", Some(1), none, none),
        ),
        (
            "Album/01 Title.mp3",
            ("Title", "", "Album", Some(1), none, none),
        ),
        (
            "Music/Artist/Title.mp3",
            ("Title", "", "", none, none, none),
        ),
        (
            "Music/Artist/Album/Title.mp3",
            ("Title", "Artist", "Album", none, none, none),
        ),
        ("Incoming/Title.mp3", ("Title", "", "", none, none, none)),
        (
            "Various Artists/Hits/03 - Somebody - Title.mp3",
            ("Title", "Somebody", "Hits", Some(3), none, none),
        ),
        (
            "Various Artists/Hits/03 - Title.mp3",
            ("Title", "", "Hits", Some(3), none, none),
        ),
        (
            "Bach/Works/01 - Movement I - Allegro.flac",
            ("Movement I - Allegro", "Bach", "Works", Some(1), none, none),
        ),
        (
            "Bach/Works/01 - Bach - Allegro.flac",
            ("Allegro", "Bach", "Works", Some(1), none, none),
        ),
        (
            "Artist - Album - 05 - Title.mp3",
            ("Title", "Artist", "Album", Some(5), none, none),
        ),
        (
            "Artist - 05 - Title.mp3",
            ("Title", "Artist", "", Some(5), none, none),
        ),
        (
            "99 Luftballons.mp3",
            ("99 Luftballons", "", "", none, none, none),
        ),
        (
            "Nena/Nena/99 Luftballons.mp3",
            ("99 Luftballons", "Nena", "Nena", none, none, none),
        ),
        ("1979.mp3", ("1979", "", "", none, none, none)),
        ("01.mp3", ("01", "", "", none, none, none)),
        ("3 - Title.mp3", ("Title", "", "", Some(3), none, none)),
        (
            "Die_Ärzte_-_Schrei_nach_Liebe.mp3",
            ("Schrei nach Liebe", "Die Ärzte", "", none, none, none),
        ),
        (
            "坂本龍一/音楽図鑑/02 - 羽の林で.flac",
            ("羽の林で", "坂本龍一", "音楽図鑑", Some(2), none, none),
        ),
        (
            r"Artist\Album\01 - Title.mp3",
            ("Title", "Artist", "Album", Some(1), none, none),
        ),
        (
            "../../etc/01 - Title",
            ("Title", "", "etc", Some(1), none, none),
        ),
        (
            "Mr. Brown vol. 2",
            ("Mr. Brown vol. 2", "", "", none, none, none),
        ),
    ];
    for (path, (title, artist, album, track, disc, year)) in said {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let expected = PathNames {
            title: some(title),
            artist: some(artist),
            album: some(album),
            track,
            disc,
            year,
            disc_subtitle: None,
        };
        assert_eq!(names(path), expected, "{path}");
    }
    assert_eq!(names("//"), PathNames::default());
}

/// Album, disc and the subtitle of the disc.
type Placed = (&'static str, Option<u32>, &'static str);

fn placed(path: &str) -> (String, Option<u32>, String) {
    let said = names(path);
    let album = said.album.unwrap_or_default();
    (album, said.disc, said.disc_subtitle.unwrap_or_default())
}

#[test]
fn folders_say_the_disc_in_many_ways() {
    let said: [(&str, Placed); 43] = [
        ("A/Album (CD2)/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album [Disc 2]/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album (Disc Two)/01 T.mp3", ("Album", Some(2), "")),
        (
            "A/Album (Disc 2: Live)/01 T.mp3",
            ("Album", Some(2), "Live"),
        ),
        ("A/Album [CD 2 - Live]/01 T.mp3", ("Album", Some(2), "Live")),
        ("A/Album (CD 2 of 3)/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album (1997) CD2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album CD2 (1997)/01 T.mp3", ("Album", Some(2), "")),
        ("A/1997 - Album (CD2)/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album (1997) (CD2)/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album CD2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album CD 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album_CD2/01_T.mp3", ("Album", Some(2), "")),
        ("A/Album Disc 1 - Live/01 T.mp3", ("Album", Some(1), "Live")),
        ("A/Album CD 2 von 3/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album - Disc 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album - Disc Two/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album, Disc 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album - CD2 - Live/01 T.mp3", ("Album", Some(2), "Live")),
        ("A - Album (CD2)/01 T.mp3", ("Album", Some(2), "")),
        ("A - Album - CD2/01 T.mp3", ("Album", Some(2), "")),
        ("Album CD2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Album CD2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Album - Disc 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/CD 02/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/CD-2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Disk 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/(Disc 2)/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Disc #2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/CD Nr. 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/cd2of3/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/CD 2 von 3/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Disque 2 sur 3/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/CD deux/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Disc Two/01 T.mp3", ("Album", Some(2), "")),
        ("A - Album/Disc II/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Disc 2 - Live/01 T.mp3", ("Album", Some(2), "Live")),
        (
            "A/Album/CD1 (The Hits)/01 T.mp3",
            ("Album", Some(1), "The Hits"),
        ),
        ("A/Album/LP2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Disco 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Side B/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Seite 2/01 T.mp3", ("Album", Some(2), "")),
        ("A/Album/Face Two/01 T.mp3", ("Album", Some(2), "")),
    ];
    for (path, (album, disc, subtitle)) in said {
        let expected = (album.to_owned(), disc, subtitle.to_owned());
        assert_eq!(placed(path), expected, "{path}");
        assert_eq!(names(path).title.as_deref(), Some("T"), "{path}");
    }
    assert_eq!(
        names("A/Album/Album CD2/01 T.mp3").artist.as_deref(),
        Some("A")
    );
    assert_eq!(
        names("A - Album - CD2/01 T.mp3").artist.as_deref(),
        Some("A")
    );
    assert_eq!(names("A/Album (1997) CD2/01 T.mp3").year, Some(1997));
    assert_eq!(names("A/Album CD2 (1997)/01 T.mp3").year, Some(1997));
}

#[test]
fn albums_that_are_called_like_a_disc_are_albums() {
    for album in [
        "Disc Two",
        "Disco 2",
        "LP1",
        "LP 2",
        "Side B",
        "Face Value",
        "Vol. 2",
        "Volume 2",
        "Songs (Volume 2)",
        "Songs (LP2)",
        "Emotion (Side B)",
        "Emotion - Side B",
        "Songs for Disc Two",
        "CD",
        "CDs",
        "Discovery",
        "Disc-Overy",
        "Disk Jockeys",
        "Live at CD 101",
        "Live on CD 2nd Edition",
        "Tape 2",
        "Discipline 2",
        "(Disc)",
    ] {
        let path = format!("A/{album}/01 T.mp3");
        let expected = (album.to_owned(), None, String::new());
        assert_eq!(placed(&path), expected, "{path}");
    }
    // A volume is an album of its own, also within another folder.
    assert_eq!(names("A/Album/Volume 2/01 T.mp3").disc, None);
}

#[test]
fn a_side_and_a_track_stand_before_a_title() {
    for (path, title, disc, track) in [
        ("A/Album/A1 Title.mp3", "Title", 1, 1),
        ("A/Album/B2. Title.mp3", "Title", 2, 2),
        ("A/Album/C10 - Title.mp3", "Title", 3, 10),
        ("A/Album/[D1] Title.mp3", "Title", 4, 1),
        ("A/Album/b2_Title_Two.mp3", "Title Two", 2, 2),
        ("A/Album/B02-Title.mp3", "Title", 2, 2),
        ("A - Album/A1 Title.mp3", "Title", 1, 1),
        ("A/Album/B1 - A - Title.mp3", "Title", 2, 1),
    ] {
        let said = names(path);
        assert_eq!(said.title.as_deref(), Some(title), "{path}");
        assert_eq!((said.disc, said.track), (Some(disc), Some(track)), "{path}");
        assert_eq!(said.artist.as_deref(), Some("A"), "{path}");
    }
    for (path, artist, title) in [
        ("B2 Or Not B2.mp3", "", "B2 Or Not B2"),
        ("A/Album/B2 Or Not B2.mp3", "A", "B2 Or Not B2"),
        ("A/Album/07 - B2 Ornament.mp3", "A", "B2 Ornament"),
        (
            "A1 - Caught in the Middle.mp3",
            "A1",
            "Caught in the Middle",
        ),
        ("A1/Here We Come/A1 - Everytime.mp3", "A1", "Everytime"),
        ("A/Album/H2O.mp3", "A", "H2O"),
        ("A/Album/U2 Cover.mp3", "A", "U2 Cover"),
        ("A/Album/A Day.mp3", "A", "A Day"),
        ("A/Album/B1.mp3", "A", "B1"),
        ("A/Album/B52 Bomber.mp3", "A", "B52 Bomber"),
        ("A/Album/A100 Way.mp3", "A", "A100 Way"),
    ] {
        let said = names(path);
        assert_eq!(said.title.as_deref(), Some(title), "{path}");
        assert_eq!(said.artist.unwrap_or_default(), artist, "{path}");
        assert_eq!(said.disc, None, "{path}");
    }
}

#[test]
fn releases_of_groups_have_underscores_for_spaces() {
    let said = names("03-the_band-song_name.mp3");
    assert_eq!(said.artist.as_deref(), Some("the band"));
    assert_eq!(said.title.as_deref(), Some("song name"));
    assert_eq!((said.disc, said.track), (None, Some(3)));
    let folder = "The_Band-Album_Name-2CD-2004-GRP";
    let said = names(&format!("{folder}/203-the_band-song_name.mp3"));
    assert_eq!(said.artist.as_deref(), Some("the band"));
    assert_eq!(said.album.as_deref(), Some("Album Name"));
    assert_eq!((said.disc, said.track), (Some(2), Some(3)));
    assert_eq!(said.year, Some(2004));
    let said = names("01-The_Band-Song_Name.mp3");
    assert_eq!(said.artist.as_deref(), Some("The Band"));
    // A dash in a title, with nobody before it.
    for (path, title) in [
        ("03-Semi-Charmed_Life.mp3", "Semi-Charmed Life"),
        ("Band/Album/03-semi-charmed_life.mp3", "semi-charmed life"),
        ("03-jay-z.mp3", "jay-z"),
    ] {
        let said = names(path);
        assert_eq!(said.title.as_deref(), Some(title), "{path}");
        assert_eq!(said.track, Some(3), "{path}");
    }
}

proptest! {
    #[test]
    fn no_path_breaks_the_rule(path in "\\PC{0,60}|[-0-9./_ \\[\\]()ÄA]{0,40}") {
        let said = names(&path);
        prop_assert!(said.title.is_none_or(|title| !title.is_empty()));
    }
}
