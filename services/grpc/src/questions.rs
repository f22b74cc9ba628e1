//! Questions as messages. A client makes them of questions, which are sound; a server makes
//! questions of them, or says what is wrong.

use super::{Parsed, proto, songs};
use kadenza_contract::{
    ArtworkRequest, AudioRequest, Browse, ByteRange, Cursor, GroupKind, Limit, PIXELS_MAX, Query,
    QueryText, Sort, Stated,
};

const SORTS: [(Sort, proto::sort::Order); 6] = [
    (Sort::Relevance, proto::sort::Order::Relevance),
    (Sort::Title, proto::sort::Order::Title),
    (Sort::Artist, proto::sort::Order::Artist),
    (Sort::Album, proto::sort::Order::Album),
    (Sort::Newest, proto::sort::Order::Newest),
    (Sort::Year, proto::sort::Order::Year),
];

const KINDS: [(GroupKind, proto::browse::Kind); 3] = [
    (GroupKind::Artist, proto::browse::Kind::Artist),
    (GroupKind::Album, proto::browse::Kind::Album),
    (GroupKind::Genre, proto::browse::Kind::Genre),
];

impl From<&Query> for proto::SearchSongsRequest {
    fn from(query: &Query) -> proto::SearchSongsRequest {
        let named = SORTS.iter().find(|(sort, _)| *sort == query.sort);
        let sort = match (query.sort, named) {
            (Sort::Random(seed), _) => proto::Sort {
                order: proto::sort::Order::Random.into(),
                seed,
            },
            (_, named) => proto::Sort {
                order: named.map_or(0, |(_, order)| (*order).into()),
                seed: 0,
            },
        };
        proto::SearchSongsRequest {
            query: Some(proto::Query {
                text: query.text.as_ref().map(|text| text.as_str().to_owned()),
                artist: query.artist.clone(),
                album: query.album.clone(),
                genre: query.genre.clone(),
                sort: Some(sort),
            }),
            page: Some(page(query.limit, query.after.as_ref())),
        }
    }
}

impl From<&Browse> for proto::BrowseGroupsRequest {
    fn from(browse: &Browse) -> proto::BrowseGroupsRequest {
        let kind = KINDS.iter().find(|(kind, _)| *kind == browse.kind);
        proto::BrowseGroupsRequest {
            browse: Some(proto::Browse {
                kind: kind.map_or(0, |(_, wire)| (*wire).into()),
                artist: browse.artist.clone(),
                genre: browse.genre.clone(),
            }),
            page: Some(page(browse.limit, browse.after.as_ref())),
        }
    }
}

impl From<&AudioRequest> for proto::StreamAudioRequest {
    fn from(request: &AudioRequest) -> proto::StreamAudioRequest {
        proto::StreamAudioRequest {
            song_id: songs::bytes(request.song.as_bytes()),
            content_hash: request
                .recording
                .map(|content| songs::bytes(content.as_bytes())),
            start: request.range.start,
            end: request.range.end,
        }
    }
}

impl From<&ArtworkRequest> for proto::GetArtworkRequest {
    fn from(request: &ArtworkRequest) -> proto::GetArtworkRequest {
        proto::GetArtworkRequest {
            song_id: songs::bytes(request.song.as_bytes()),
            pixels: request.size,
        }
    }
}

impl From<&Stated> for proto::upload_song_request::Stated {
    fn from(stated: &Stated) -> proto::upload_song_request::Stated {
        proto::upload_song_request::Stated {
            title: stated.title.clone(),
            artist: stated.artists.first().cloned(),
            further_artists: stated.artists.iter().skip(1).cloned().collect(),
            album: stated.album.clone(),
            album_artists: stated.album_artists.clone(),
            path: stated.path.clone(),
        }
    }
}

fn page(limit: Limit, after: Option<&Cursor>) -> proto::Page {
    proto::Page {
        // A limit is at most 500.
        size: limit.get() as u32,
        token: after.map(ToString::to_string).unwrap_or_default(),
    }
}

/// The query that a message asks.
pub(super) fn query(wire: proto::SearchSongsRequest) -> Parsed<Query> {
    let (limit, after) = limits(wire.page)?;
    let query = wire.query.unwrap_or_default();
    let sort = match query.sort {
        Some(sort) if sort.order == 0 => Sort::Relevance,
        Some(sort) if sort.order() == proto::sort::Order::Random => Sort::Random(sort.seed),
        Some(sort) => SORTS
            .iter()
            .find(|(_, order)| sort.order == i32::from(*order))
            .map(|(known, _)| *known)
            .ok_or_else(|| format!("no order has the number {}", sort.order))?,
        None => Sort::Relevance,
    };
    let text = query.text.as_deref().map(QueryText::new).transpose();
    Ok(Query {
        text: text.map_err(|wrong| in_words(&wrong))?,
        artist: query.artist,
        album: query.album,
        genre: query.genre,
        sort,
        limit,
        after,
    })
}

/// The question for groups that a message asks.
pub(super) fn browse(wire: proto::BrowseGroupsRequest) -> Parsed<Browse> {
    let (limit, after) = limits(wire.page)?;
    let browse = wire.browse.unwrap_or_default();
    let kind = KINDS
        .iter()
        .find(|(_, kind)| browse.kind == i32::from(*kind))
        .map(|(kind, _)| *kind)
        .ok_or("the kind of group is missing: artist, album or genre")?;
    Ok(Browse {
        kind,
        artist: browse.artist,
        genre: browse.genre,
        limit,
        after,
    })
}

fn limits(page: Option<proto::Page>) -> Parsed<(Limit, Option<Cursor>)> {
    let page = page.unwrap_or_default();
    let limit = match page.size {
        0 => Limit::default(),
        size => Limit::new(size as usize).map_err(|wrong| in_words(&wrong))?,
    };
    let after = match page.token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|wrong| in_words(&wrong))?),
    };
    Ok((limit, after))
}

/// The request for audio that a message makes.
pub(super) fn audio(wire: &proto::StreamAudioRequest) -> Parsed<AudioRequest> {
    Ok(AudioRequest {
        song: songs::song_id(&wire.song_id)?,
        recording: wire
            .content_hash
            .as_deref()
            .map(songs::content_hash)
            .transpose()?,
        range: ByteRange {
            start: wire.start,
            end: wire.end,
        },
    })
}

/// The request for a cover that a message makes.
pub(super) fn artwork(wire: &proto::GetArtworkRequest) -> Parsed<ArtworkRequest> {
    if wire
        .pixels
        .is_some_and(|pixels| !(1..=PIXELS_MAX).contains(&pixels))
    {
        return Err(format!("a cover has from 1 to {PIXELS_MAX} pixels"));
    }
    Ok(ArtworkRequest {
        song: songs::song_id(&wire.song_id)?,
        size: wire.pixels,
    })
}

/// The names that a message states of a song.
pub(super) fn stated(wire: proto::upload_song_request::Stated) -> Stated {
    Stated {
        title: wire.title,
        artists: wire
            .artist
            .into_iter()
            .chain(wire.further_artists)
            .collect(),
        album: wire.album,
        album_artists: wire.album_artists,
        path: wire.path,
    }
}

/// The words of an error about a question, which is wrapped again as one.
fn in_words(wrong: &kadenza_contract::Error) -> String {
    match wrong {
        kadenza_contract::Error::Invalid { what } => what.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kadenza_contract::SortKey;

    #[test]
    fn questions_come_back_as_they_were() {
        let after = Some(Cursor::behind(SortKey::new(7, "text".into(), [9; 32])));
        let sorts = SORTS.iter().map(|(sort, _)| *sort);
        for sort in sorts.chain([Sort::Random(0), Sort::Random(u32::MAX)]) {
            let sent = Query {
                artist: Some(String::new()),
                genre: Some("Jazz".into()),
                sort,
                limit: Limit::new(500).unwrap(),
                after: after.clone(),
                ..Query::words("some words").unwrap()
            };
            assert_eq!(query((&sent).into()), Ok(sent));
        }
        assert_eq!(query((&Query::all()).into()), Ok(Query::all()));
        assert_eq!(
            query(proto::SearchSongsRequest::default()),
            Ok(Query::all())
        );
        for (kind, _) in KINDS {
            let sent = Browse {
                artist: Some("A".into()),
                after: after.clone(),
                ..Browse::all(kind)
            };
            assert_eq!(browse((&sent).into()), Ok(sent));
        }
    }

    #[test]
    fn questions_that_make_no_sense_are_refused_with_what_would() {
        let with = |change: fn(&mut proto::SearchSongsRequest)| {
            let mut wire = proto::SearchSongsRequest::from(&Query::all());
            change(&mut wire);
            query(wire).unwrap_err()
        };
        let sized = with(|wire| wire.page.as_mut().unwrap().size = 501);
        assert!(sized.contains("500"), "{sized}");
        let token = with(|wire| wire.page.as_mut().unwrap().token = "zz".into());
        assert!(token.contains("cursor"), "{token}");
        let order = with(|wire| wire.query.as_mut().unwrap().sort.as_mut().unwrap().order = 77);
        assert!(order.contains("77"), "{order}");
        let long = with(|wire| wire.query.as_mut().unwrap().text = Some("x".repeat(100_000)));
        assert!(long.contains("bytes"), "{long}");
        assert!(browse(proto::BrowseGroupsRequest::default()).is_err());
        assert!(audio(&proto::StreamAudioRequest::default()).is_err());
        assert!(
            artwork(&proto::GetArtworkRequest {
                song_id: songs::bytes(&[0; 32]),
                pixels: Some(0),
            })
            .is_err()
        );
    }
}
