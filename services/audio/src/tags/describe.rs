//! The song that a file is: its tags, and what the uploader states of it.

use jiff::Timestamp;
use kadenza_contract::{
    Chunks, DetailText, Details, Error, FromPath, Names, Recording, Result, Song, Stated, Tags,
};

use super::{path, tagged::Tagged};

/// The version of this reader. A change that describes the same audio otherwise raises it, so that the new
/// description replaces the old ones wherever they meet.
pub const READER: u32 = 6;

/// What an upload is.
pub(crate) struct Described {
    pub(crate) song: Song,
    /// The names that are from its path.
    pub(crate) from_path: FromPath,
    /// The same song as a library may know it that read only the first of several artists.
    pub(crate) earlier: Option<Song>,
}

/// The song that an upload is.
pub(crate) fn describe(tagged: &Tagged, stated: &Stated, chunks: &Chunks) -> Result<Described> {
    let (tags, from_path) = named(tagged, stated)?;
    // Two machines must keep the same time, and it travels in milliseconds.
    let added_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let song = Song::new(Recording {
        content: chunks.content(),
        format: tagged.format,
        size: chunks.size(),
        duration_ms: tagged.duration_ms,
        bit_rate: tagged.bit_rate,
        tags,
        has_artwork: tagged.picture.is_some(),
        added_at,
        reader: READER,
    });
    // Nobody could state several artists then.
    let earlier = song.as_first_artist().filter(|_| stated.artists.is_empty());
    Ok(Described {
        song,
        from_path,
        earlier,
    })
}

/// A recording that an earlier reader described, as this one describes the same audio. What names its song stays
/// as it is: whether the uploader stated it is not known any more.
pub(crate) fn renewed(known: &Recording, tagged: &Tagged) -> Recording {
    let (tags, values) = (&known.tags, &tagged.values);
    // An earlier reader gave the first of several artists.
    let read = [&values.artists, &values.album_artists];
    let read = read.into_iter().find(|names| !names.is_empty());
    let is_first = |names: &&Names| Names::new([names.first()]).is_same(tags.artists());
    let artists = read.filter(is_first).unwrap_or(tags.artists()).clone();
    let identity = tags.identity().unwrap_or(tags.artists()).clone();
    // The uploader may have stated them.
    let album_artists = match tags.album_artists().is_empty() {
        false => tags.album_artists().clone(),
        true => values.album_artists.clone(),
    };
    let genres = match values.genres.is_empty() {
        false => values.genres.clone(),
        true => tags.genres().clone(),
    };
    // It may be from the path.
    let subtitle = tags
        .details()
        .and_then(|known| known.text(DetailText::DiscSubtitle));
    let details = with_subtitle(&values.details, subtitle);
    let tags = tags
        .clone()
        .with_artists(artists)
        .with_identity(Some(identity))
        .with_track(tagged.track.or(tags.track()))
        .with_disc(tagged.disc.or(tags.disc()))
        .with_year(tagged.year.or(tags.year()))
        .with_genres(genres)
        .with_album_artists(&album_artists)
        .with_compilation(values.is_compilation)
        .with_details(details);
    Recording {
        format: tagged.format,
        duration_ms: tagged.duration_ms,
        bit_rate: tagged.bit_rate,
        tags,
        has_artwork: tagged.picture.is_some(),
        reader: READER,
        ..known.clone()
    }
}

/// The tags of an upload. What the uploader states wins over what the file says, and that over its path: a
/// file without a title or an artist takes from its path what it lacks. One that has both keeps to its
/// tags, since a song without an album is a song of its own.
pub(crate) fn named(tagged: &Tagged, stated: &Stated) -> Result<(Tags, FromPath)> {
    // A stated title that shows nothing is none, and so is one in the tags.
    let title = [&stated.title, &tagged.title]
        .into_iter()
        .flatten()
        .find(|title| Tags::new(title, "", "").is_ok());
    let artists = artists(tagged, stated);
    let album = stated.album.as_ref().or(tagged.album.as_ref());
    let hint = stated.path.as_deref();
    let path = hint
        .filter(|_| title.is_none() || artists.is_none())
        .map(path::names)
        .unwrap_or_default();
    let choose = |known: Option<&String>, path: &Option<String>| match (known, path) {
        (Some(known), _) => (known.clone(), false),
        (None, Some(path)) => (path.clone(), true),
        (None, None) => (String::new(), false),
    };
    let (title, album) = (choose(title, &path.title), choose(album, &path.album));
    let from_path = FromPath {
        title: title.1,
        artist: artists.is_none() && path.artist.is_some(),
        album: album.1,
    };
    let artists = artists.unwrap_or_else(|| Names::new(path.artist.as_deref()));
    let values = &tagged.values;
    let album_artists = match &stated.album_artists[..] {
        [] => values.album_artists.clone(),
        stated => Names::new(stated.iter().map(String::as_str)),
    };
    let details = with_subtitle(&values.details, path.disc_subtitle.as_deref());
    let tags = Tags::new(&title.0, "", &album.0)?
        .with_artists(artists)
        .with_track(tagged.track.or(path.track))
        .with_disc(tagged.disc.or(path.disc))
        .with_year(tagged.year.or(path.year))
        .with_genres(values.genres.clone())
        .with_album_artists(&album_artists)
        .with_compilation(values.is_compilation)
        .with_details(details);
    Ok((tags, from_path))
}

/// Details with the subtitle of the disc that is known from elsewhere, unless the file has one.
fn with_subtitle(details: &Details, subtitle: Option<&str>) -> Details {
    let details = details.clone();
    match (details.text(DetailText::DiscSubtitle), subtitle) {
        (None, Some(subtitle)) => details.with_text(DetailText::DiscSubtitle, subtitle),
        _ => details,
    }
}

/// The artists that the uploader states or the file names; `None` where neither does.
fn artists(tagged: &Tagged, stated: &Stated) -> Option<Names> {
    let values = &tagged.values;
    if !stated.artists.is_empty() {
        return Some(Names::new(stated.artists.iter().map(String::as_str)));
    }
    let read = [&values.artists, &values.album_artists];
    read.into_iter().find(|names| !names.is_empty()).cloned()
}

/// Refuses a zero-byte file: it has no audio format.
pub(crate) fn not_empty(size: u64) -> Result<()> {
    match size {
        0 => Err(Error::NotAudio {
            what: "the file is empty".into(),
        }),
        _ => Ok(()),
    }
}
