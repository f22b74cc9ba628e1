//! The faults that a service can have, and which promise each of them breaks.

/// Makes the list of faults and the table of what they break from one place.
macro_rules! faults {
    ($($promise:ident { $($(#[$doc:meta])+ $fault:ident,)+ })+) => {
        /// A way to break the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($($(#[$doc])+ $fault,)+)+
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &[Fault] = &[$($(Fault::$fault,)+)+];

            /// The name of the promise that the fault breaks.
            #[must_use]
            pub fn breaks(self) -> &'static str {
                match self {
                    $($(Fault::$fault)|+ => stringify!($promise),)+
                }
            }
        }
    };
}

faults! {
    an_acknowledged_upload_is_known_to_every_question {
        /// Acknowledges every third upload without keeping it.
        LosesEveryThirdUpload,
        /// Does not find a song until it was asked for a few times.
        FindsSongsLate,
        /// Does not list genres.
        HasNoGenres,
    }
    the_copies_of_an_acknowledged_upload_are_enough {
        /// Tells of no copies.
        CountsNoCopies,
    }
    an_acknowledged_upload_survives_a_restart {
        /// Keeps nothing over a restart.
        ForgetsOnRestart,
    }
    an_upload_tells_what_was_uploaded {
        /// Tells a size that is one byte too large.
        TellsAnotherSize,
    }
    tags_are_read_from_every_kind_of_file {
        /// Leaves out the year.
        ForgetsTheYear,
    }
    what_the_uploader_states_wins_over_the_tags {
        /// Believes the file, not the uploader.
        IgnoresWhatIsStated,
    }
    a_stated_empty_album_means_none {
        /// Takes a stated empty album for an unstated one.
        TakesAnEmptyAlbumForUnstated,
    }
    a_path_names_what_neither_uploader_nor_tags_name {
        /// Looks at no path.
        IgnoresThePath,
        /// Does not say which names are from the path.
        KeepsPathsToItself,
    }
    a_repeated_upload_is_already_there_and_changes_nothing {
        /// Refuses what is there already.
        RefusesRepeats,
        /// Says that what was there already was added.
        AddsRepeatsAgain,
        /// Forgets the song and takes it in anew.
        RenewsOnRepeat,
    }
    other_audio_of_the_same_names_is_another_recording {
        /// Replaces the audio by the last that was uploaded.
        TakesTheLastAudio,
        /// Drops other audio, and says that it is there already.
        DropsOtherAudio,
    }
    names_that_fold_to_the_same_are_the_same_song {
        /// Takes another spelling of a name for another song.
        TellsSpellingsApart,
    }
    the_same_audio_may_be_several_songs {
        /// Takes known audio for a known song.
        KnowsSongsByTheirAudio,
    }
    the_time_of_an_upload_is_when_it_was_taken_in {
        /// Says that songs were added long from now.
        DatesInTheFuture,
    }
    a_body_may_come_in_pieces_of_any_size {
        /// Takes an empty piece for the end.
        EndsAtAnEmptyPiece,
    }
    a_large_file_arrives_whole {
        /// Leaves out what lies behind the first mebibyte.
        CutsAtAMebibyte,
    }
    a_song_above_the_limit_is_refused_and_leaves_nothing {
        /// Takes as much as fits.
        TakesWhatFits,
        /// Refuses what is too large for the wrong reason.
        IsFullTooSoon,
    }
    a_file_without_a_title_is_refused_and_leaves_nothing {
        /// Makes a title up.
        MakesTitlesUp,
    }
    what_is_not_audio_is_refused_and_leaves_nothing {
        /// Takes whatever it is given a title for.
        TakesAnything,
        /// Refuses what is not audio for the wrong reason.
        AsksForATitleOfNoise,
    }
    a_broken_body_is_told_as_such_and_leaves_nothing {
        /// Takes a broken body for a whole one.
        TakesBrokenBodies,
        /// Blames its disk.
        BlamesTheDisk,
    }
    an_upload_that_failed_can_be_repeated {
        /// Refuses everything after one upload failed.
        GetsStuckByFailures,
    }
    an_unknown_song_is_none {
        /// Answers with an error where there is no such song.
        TakesAbsenceForFailure,
    }
    a_caller_is_answered_by_the_same_service {
        /// Answers callers from another library.
        AnswersCallersFromElsewhere,
    }
    songs_are_never_changed_by_other_songs {
        /// Numbers all songs anew with every upload.
        RenumbersSongs,
    }
    no_hits_are_an_empty_page {
        /// Answers with an error where nothing is found.
        TakesNoHitsForFailure,
    }
    an_empty_service_has_no_songs {
        /// Cannot be searched while it is empty.
        FailsWhileEmpty,
    }
    every_word_must_be_found {
        /// Looks for the first word only.
        LooksForOneWord,
        /// Overlooks every fifth song.
        OverlooksSome,
    }
    the_beginning_of_a_word_finds_it {
        /// Finds whole words only.
        FindsWholeWordsOnly,
    }
    accents_and_case_do_not_matter {
        /// Finds words only as they are written.
        FindsWordsAsWritten,
    }
    names_are_found_as_people_type_them {
        /// Finds no joined words, and no spellings of other keyboards.
        FindsOneSpelling,
    }
    what_fits_best_comes_first {
        /// Orders hits by title.
        OrdersHitsByTitle,
    }
    each_sort_has_its_order {
        /// Knows no other order than by title.
        IgnoresTheSort,
    }
    a_song_has_an_entry_for_each_place_on_its_album {
        /// Lists a song once where it stands on its album twice.
        ListsASongOnce,
    }
    filters_take_exactly_what_they_name {
        /// Does not filter by genre.
        IgnoresTheGenre,
    }
    every_song_is_listed_where_nothing_is_asked_for {
        /// Lists twenty songs and says that these are all.
        ListsTwentySongs,
    }
    pages_in_a_row_give_every_song_once {
        /// Begins each page with the last song of the one before.
        OverlapsPages,
        /// Leaves out the first song of each further page.
        SkipsBetweenPages,
    }
    a_list_goes_on_from_any_place {
        /// Starts over where it does not remember the cursor.
        RemembersCursors,
    }
    songs_added_meanwhile_do_not_disturb_the_pages {
        /// Goes on after so many songs, whichever they are.
        PagesByOffset,
    }
    an_empty_service_has_no_groups {
        /// Has a group of no songs.
        GroupsNothing,
    }
    groups_are_those_that_the_songs_form {
        /// Orders groups by the bytes of their names.
        OrdersGroupsByBytes,
        /// Leaves out groups of one song.
        DropsSmallGroups,
    }
    the_groups_of_an_artist_or_a_genre_are_theirs {
        /// Gives all groups.
        IgnoresTheFiltersOfGroups,
    }
    the_counts_of_groups_catch_up {
        /// Says of every group that it has one song.
        NeverCounts,
    }
    groups_come_in_pages {
        /// Gives the first page for ever.
        StartsGroupsOver,
    }
    every_artist_and_genre_of_a_file_counts {
        /// Finds songs by the first of their artists only.
        KnowsFirstArtistsOnly,
    }
    songs_by_others_together_are_other_songs {
        /// Makes one name of several artists.
        JoinsArtists,
    }
    an_album_stands_under_the_artist_of_the_album {
        /// Makes an album for each artist on it.
        SplitsAlbumsByArtist,
    }
    artists_of_albums_and_composers_are_found {
        /// Looks for words in title, artist and album alone.
        FindsNoComposers,
    }
    lyrics_are_those_of_the_file {
        /// Has no lyrics of any song.
        HasNoLyrics,
    }
    what_is_heard_is_what_was_uploaded {
        /// Turns a bit in the third piece of 256 KiB.
        TurnsABit,
        /// Ends long streams early, without a word.
        EndsEarly,
    }
    any_range_is_that_part_of_the_whole {
        /// Begins one byte early.
        BeginsAByteEarly,
        /// Gives everything from the beginning of the range.
        IgnoresTheEnd,
    }
    a_range_behind_the_end_is_an_error_that_tells_the_size {
        /// Gives no bytes where there are none.
        GivesNothingBehindTheEnd,
        /// Tells a size of 0.
        TellsNoSize,
    }
    opened_audio_tells_which_recording_it_is {
        /// Tells the hash of something else.
        TellsAnotherRecording,
    }
    a_named_recording_is_heard_and_an_unknown_one_is_none {
        /// Plays the best recording whatever was named.
        IgnoresTheRecording,
    }
    the_audio_of_an_unknown_song_is_none {
        /// Answers with an error where there is no such song.
        TakesSilenceForFailure,
    }
    a_slow_listener_hears_everything {
        /// Gives up a listener after a second.
        LosesPatience,
    }
    listeners_who_leave_do_no_harm {
        /// Never forgets a listener, and has room for thirty.
        LeaksListeners,
    }
    idle_listeners_do_not_starve_the_rest {
        /// Lets sixteen listen at a time.
        AdmitsFewListeners,
    }
    a_cover_is_as_in_the_file {
        /// Adds a byte to covers.
        PadsCovers,
        /// Says that every cover is a JPEG.
        CallsEveryCoverJpeg,
    }
    a_cover_is_scaled_to_the_size_asked_for {
        /// Gives covers as they are.
        IgnoresTheSize,
    }
    a_small_cover_is_not_enlarged {
        /// Gives exactly the size asked for.
        EnlargesCovers,
    }
    where_there_is_no_cover_there_is_none {
        /// Has a picture for songs without one.
        HasAPlaceholder,
    }
    the_status_counts_songs_and_bytes {
        /// Counts uploads, not songs.
        CountsRepeats,
    }
    servers_are_base_urls {
        /// Tells addresses instead of URLs.
        ServersWithoutScheme,
        /// Tells URLs of something below the base.
        ServersWithPath,
    }
    a_whole_list_is_not_called_partial {
        /// Says of every list that it may lack something.
        CallsWholeListsPartial,
    }
    a_list_that_may_lack_something_says_so {
        /// Passes partial lists for whole ones.
        HidesWhatIsMissing,
        /// Names nobody whose answer is missing.
        NamesNobody,
        /// Answers with an error where it knows only a part.
        TakesAPartForFailure,
        /// Remembers that something was missing for good.
        NeverGetsWholeAgain,
    }
    any_text_may_be_a_name {
        /// Refuses titles that look like paths.
        RefusesPaths,
        /// Keeps only ASCII of a stated title.
        KeepsOnlyAscii,
    }
    any_text_may_be_searched_for {
        /// Takes quotes and stars for a syntax of its own.
        HasASyntax,
    }
    many_uploads_at_once_all_arrive {
        /// Turns away all but eight uploads at a time.
        TurnsUploadsAway,
    }
    the_same_upload_many_times_at_once_is_one_song {
        /// Fails where two upload the same at once.
        FailsInARace,
    }
    one_song_with_different_audio_at_once_is_one_song {
        /// Plays the best and the worst recording in turns.
        PlaysInTurns,
    }
    questions_of_all_kinds_at_once_are_answered {
        /// Answers one question at a time and turns the others away.
        OneQuestionAtATime,
    }
    no_song_is_ever_half_visible {
        /// Shows a song before its audio is there.
        ShowsSongsTooEarly,
    }
    an_upload_given_up_before_its_end_leaves_nothing {
        /// Keeps what it got when an upload is given up.
        KeepsWhatItGot,
    }
    an_upload_given_up_happened_entirely_or_not_at_all {
        /// Keeps a song without audio when an upload is given up.
        KeepsHalfASong,
    }
    an_upload_given_up_can_be_repeated {
        /// Waits for ever for the end of an upload that was given up.
        GetsStuckWhenGivenUp,
    }
    questions_given_up_do_no_harm {
        /// Never counts off a question that was given up.
        LeaksQuestions,
    }
}
