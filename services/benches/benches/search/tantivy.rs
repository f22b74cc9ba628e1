//! tantivy, a search engine as a library.

use std::time::Instant;

use tantivy::{
    Index, TantivyDocument, Term,
    collector::TopDocs,
    query::{BooleanQuery, DisjunctionMaxQuery, Query, RegexQuery},
    schema::{STORED, Schema, TEXT},
};

use crate::{
    questions::{classes, percentiles},
    say,
    songs::{Names, song},
};

pub(crate) fn measured(names: &Names, count: usize) {
    let mut schema = Schema::builder();
    let fields =
        ["title", "artist", "album"].map(|name| schema.add_text_field(name, TEXT | STORED));
    let directory = tempfile::tempdir().expect("a directory");
    let index = Index::create_in_dir(directory.path(), schema.build()).expect("an index");
    let begun = Instant::now();
    let mut writer = index
        .writer_with_num_threads(1, 200_000_000)
        .expect("a writer");
    for n in 0..count {
        let song = song(names, n);
        let tags = song.tags();
        let mut document = TantivyDocument::default();
        for (field, text) in fields
            .iter()
            .zip([tags.title(), tags.artist(), tags.album()])
        {
            document.add_text(*field, text);
        }
        writer.add_document(document).expect("a song");
    }
    writer.commit().expect("a commit");
    writer.wait_merging_threads().expect("merged");
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    say(
        "tantivy: songs added, one thread, one commit",
        format!("{rate:.0}/s"),
    );
    let searcher = index.reader().expect("a reader").searcher();
    // The beginning of a word, as a pattern.
    let beginning = |word: &str| -> Box<dyn Query> {
        let in_fields = fields.iter().map(|field| -> Box<dyn Query> {
            Box::new(RegexQuery::from_pattern(&format!("{word}.*"), *field).expect("a pattern"))
        });
        Box::new(DisjunctionMaxQuery::new(in_fields.collect()))
    };
    let whole = |word: &str| -> Box<dyn Query> {
        let in_fields = fields.iter().map(|field| -> Box<dyn Query> {
            let term = Term::from_field_text(*field, word);
            let option = tantivy::schema::IndexRecordOption::WithFreqs;
            Box::new(tantivy::query::TermQuery::new(term, option))
        });
        Box::new(BooleanQuery::union(in_fields.collect()))
    };
    for (class, questions) in classes() {
        for (how, query) in [
            ("beginnings", &beginning as &dyn Fn(&str) -> Box<dyn Query>),
            ("whole words", &whole),
        ] {
            let mut taken = Vec::new();
            for round in 0..4 {
                for question in &questions {
                    let begun = Instant::now();
                    let words = question.split(' ').map(query).collect();
                    let all = BooleanQuery::intersection(words);
                    let hits = searcher
                        .search(&all, &TopDocs::with_limit(20).order_by_score())
                        .expect("hits");
                    for (_, address) in hits {
                        searcher.doc::<TantivyDocument>(address).expect("a song");
                    }
                    if round > 0 {
                        taken.push(begun.elapsed());
                    }
                }
            }
            say(&format!("tantivy: {class}, {how}"), percentiles(taken));
        }
    }
}
