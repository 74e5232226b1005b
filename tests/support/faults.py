"""What can go wrong, which test does it to a run, and what a user then sees; no test itself.

`tools/reliability.py` runs them and writes the table; a name here that no test has is an error.
"""

from typing import NamedTuple

GOES_ON = "goes on to the same bits"
REFUSED = "stops, nothing is changed"
OWN_LINE = "a line for each, in the catalogue"


class Fault(NamedTuple):
    """A row of the table; several tests may stand behind it."""

    section: str
    what: str
    ends: str
    seen: str
    """by the user"""
    tests: tuple[str, ...]
    """file below tests/, and the function's name"""


KILLS, DISK, TWO = "Killed or asked to stop", "Disk", "Two at once"
NUMBERS, INPUT, VERSIONS = "Numbers", "Bad input", "Versions"

FAULTS = (
    Fault(
        KILLS,
        "SIGKILL in a chosen stage, from reading images to a report and a person's answers",
        GOES_ON,
        "nothing; the next start says `going on after step N`",
        ("tools/torture_test.py wherever_a_run_is_killed_it_goes_on_to_the_same_bits",),
    ),
    Fault(
        KILLS,
        "SIGKILL of the real method: in replay, before a checkpoint is whole, when all is scored",
        GOES_ON,
        "the same",
        ("run/resume_test.py a_killed_run_goes_on_to_the_same_bits",),
    ),
    Fault(
        KILLS,
        "asked to stop within an epoch, at its end, in the next cycle",
        GOES_ON,
        "`Stopped by SIGTERM after step N of cycle 0, which is saved; the same command goes on.`",
        ("runtime/signals_test.py a_run_that_stops_within_an_epoch_goes_on_to_the_same_bits",),
    ),
    Fault(
        KILLS,
        "SIGTERM, then SIGINT, of the command while it trains",
        "saves and leaves within 20 s",
        "the same",
        ("runtime/signals_test.py the_command_saves_and_leaves_and_says_how_to_go_on",),
    ),
    Fault(
        KILLS,
        "SIGINT where there is nothing to save; SIGINT twice",
        "leaves at once",
        "`Stopped by SIGINT; the same command goes on from what was saved.`",
        (
            "runtime/signals_test.py "
            "who_has_nothing_to_save_leaves_at_once_and_who_is_asked_twice_does_too",
        ),
    ),
    Fault(
        KILLS,
        "SIGTERM at one of two processes",
        GOES_ON,
        "both: `Stopped by SIGTERM after step N of cycle 0, which is saved; ...`",
        (
            "runtime/processes_run_test.py "
            "one_process_is_asked_to_stop_and_all_save_and_go_on_to_the_same_bits",
        ),
    ),
    Fault(
        KILLS,
        "one of two processes killed: the second, then started again; the first",
        GOES_ON,
        "the other ends within 60 s: `another process of this run is gone ...`",
        (
            "runtime/processes_run_test.py "
            "a_process_that_is_left_alone_says_so_and_the_same_commands_go_on",
            "runtime/processes_run_test.py the_others_end_when_the_first_process_is_gone",
        ),
    ),
    Fault(
        DISK,
        "no space left: at the lock, the answers, checkpoints, what is shown",
        GOES_ON,
        "one line with the file and `No space left on device`",
        ("run/disk_test.py a_full_disk_is_named_and_the_run_goes_on_when_there_is_room",),
    ),
    Fault(
        DISK,
        "a file may not grow: answers, checkpoints, metrics",
        GOES_ON,
        "one line with the file and `File too large`",
        ("run/disk_test.py a_file_that_may_not_grow_is_named_and_the_run_goes_on_when_it_may",),
    ),
    Fault(
        DISK,
        "the directory turns read-only, or nobody may write there: from five moments on",
        GOES_ON,
        "one line with the file and `Read-only file system` or `Permission denied`",
        ("run/disk_test.py a_place_that_is_closed_is_named_and_the_run_goes_on_when_it_is_open",),
    ),
    Fault(
        DISK,
        "a checkpoint with a flipped bit, a file cut short, gone or too many, a torn manifest",
        GOES_ON,
        "`the checkpoint after N steps is passed over: FILE has changed ...`",
        (
            "engine/checkpoint_test.py a_damaged_state_is_passed_over_and_replaced",
            "run/disk_test.py a_checkpoint_that_is_damaged_while_nobody_looks_changes_nothing",
        ),
    ),
    Fault(
        DISK,
        "`checkpoints/` deleted: networks that begin anew in each cycle; networks carried over",
        "goes on; stops",
        "nothing; `holds no whole state of the end of cycle 0, which cycle 1 begins with`",
        ("run/disk_test.py a_cycle_that_begins_with_a_state_that_is_gone_is_refused",),
    ),
    Fault(
        DISK,
        "a line of the ledger, or a patch, damaged",
        REFUSED,
        "the line, and to bring back a copy",
        (
            "labels/ledger_damage_test.py "
            "damage_to_what_was_acknowledged_is_named_and_nothing_is_touched",
        ),
    ),
    Fault(
        DISK,
        "pixels of an image or of a mask changed between two starts",
        "stops; brought back, goes on to the same bits",
        "`train/1 has changed since the run began: bring it back, or remove ...`",
        ("run/disk_test.py a_picture_that_has_changed_is_named_until_it_is_brought_back",),
    ),
    Fault(
        DISK,
        "the clock set back by 400 days between two starts",
        GOES_ON,
        "nothing",
        ("run/disk_test.py a_clock_that_is_set_back_changes_nothing",),
    ),
    Fault(
        TWO,
        "a second process in the same directory; then the first is killed",
        "is refused; goes on",
        "`is in use by process 4711 on host`",
        (
            "rundir/lock_test.py "
            "a_second_process_is_refused_until_the_first_is_gone_however_it_went",
        ),
    ),
    Fault(
        TWO,
        "a file system without locks: a holder alive, gone, with another's number, a torn file",
        "the one alive is believed",
        "the same; nothing",
        ("rundir/lock_test.py without_locks_a_living_holder_is_believed_and_a_dead_one_is_not",),
    ),
    Fault(
        TWO,
        "the same, held on another host",
        "is refused",
        "process and host, and which file to remove if it is gone",
        ("rundir/lock_test.py without_locks_a_holder_on_another_host_can_only_be_named",),
    ),
    Fault(
        TWO,
        "two processes of one run with other options",
        "both stop, nothing is written",
        "`the configuration of process 1 differs from that of process 0`",
        ("runtime/processes_run_test.py processes_with_other_commands_do_not_begin",),
    ),
    Fault(
        NUMBERS,
        "a loss or gradient that is NaN or infinite",
        "stops at that step",
        "cycle, step, `nonfinite.json` with the images, the last good state",
        (
            "engine/train_test.py the_step_that_breaks_is_named",
            "run/loop_test.py numbers_that_break_stop_the_run_and_name_the_images",
        ),
    ),
    Fault(
        NUMBERS,
        "the same, then `--resume_from=last_good`, in two cycles and in a second run",
        "goes on; both runs have the same bits",
        "`step 3 of cycle 0 is left out from now on`",
        ("numbers_test.py a_step_that_breaks_the_numbers_is_skipped_and_noted",),
    ),
    Fault(
        NUMBERS,
        "a score that is NaN, then `--resume_from=last_good`",
        "goes on",
        "the image's name; it is not asked about",
        ("numbers_test.py an_image_whose_score_is_not_finite_is_skipped",),
    ),
    Fault(
        NUMBERS,
        "a state with a NaN or an infinity to be saved",
        "is not saved, the checkpoint before stays",
        "which array, after which step",
        ("engine/checkpoint_test.py a_number_that_is_none_is_never_kept",),
    ),
    Fault(
        NUMBERS,
        "random label maps: all void, one class, one pixel, absent classes, batches of one",
        "finite losses and gradients",
        "nothing",
        ("methods/label_maps_test.py a_step_is_finite",),
    ),
    *(
        Fault(INPUT, what, REFUSED, OWN_LINE, tuple(f"bad_inputs/{test}" for test in tests))
        for what, tests in (
            ("images", ("pictures_test.py an_image",)),
            ("masks", ("pictures_test.py a_mask",)),
            ("folders and lists of names", ("folders_test.py a_folder",)),
            ("class lists", ("folders_test.py a_class_list",)),
            ("CamVid's folders", ("datasets_test.py camvid",)),
            ("Cityscapes' archives", ("datasets_test.py an_archive",)),
            (
                "names that lead out of a folder",
                ("datasets_test.py a_name_that_leads_out_of_a_folder",),
            ),
            (
                "options, alone, together, of another kind",
                (
                    "configs_test.py a_configuration",
                    "configs_test.py a_configuration_of_another_kind",
                ),
            ),
            (
                "weights, and pickles that would do something",
                ("weights_test.py weights", "weights_test.py arrays_of_objects_are_not_unpickled"),
            ),
            (
                "answers of a person, and lists of requests",
                ("answers_test.py an_answer", "answers_test.py a_list_of_requests"),
            ),
            (
                "run directories",
                (
                    "runs_test.py a_run",
                    "runs_test.py scores_that_are_a_text",
                    "runs_test.py a_file_in_the_place_of_a_run",
                    "runs_test.py a_run_whose_table_is_read",
                    "runs_test.py a_run_of_another_version_whose_record_is_read",
                ),
            ),
        )
    ),
    Fault(
        VERSIONS,
        "a run of release 0.1, by every command",
        REFUSED,
        "the file, both versions and what to do",
        (
            "run/old_runs_test.py its_record_and_its_configuration_are_refused_by_name",
            "run/old_runs_test.py every_command_refuses_it_in_one_line_and_leaves_it_alone",
        ),
    ),
    Fault(
        VERSIONS,
        "the labels of a run of release 0.1",
        "is read",
        "nothing",
        ("run/old_runs_test.py its_labels_are_read_and_verified",),
    ),
)
