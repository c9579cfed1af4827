//! All that can happen next, and how it is told.

use crate::setup::Setup;
use crate::state::{Clock, State};

/// One step of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A tick passes. A clock of the list of drifts may lose or gain one.
    Tick(Option<u8>),
    Elect(u8),
    KeepSession(u8),
    HearOfSession(u8),
    ReadRecord(u8),
    Push(u8),
    CheckGuard(u8),
    Grant(u8),
    Promote(u8),
    Commit(u8),
    MeetHigherVersion(u8, u8),
    /// To this node, the pushed record of this index.
    DeliverTopology(u8, u8),
    /// From this place in the list of those in flight.
    DeliverHeartbeat(u8),
    Restart(u8),
    LosePower(u8),
    StepWallBack(u8),
    SetSlot(u8),
    RestartStore,
    CheckWrite(u8),
    ApplyWrite(u8),
    AnswerWrite(u8),
}

impl Setup {
    /// Everything that might happen; what is impossible now changes nothing.
    pub(crate) fn candidates(&self, state: &State, actions: &mut Vec<Action>) {
        for controller in 0..2 {
            actions.extend(CONTROLLER_ACTIONS.map(|action| action(controller)));
            actions.extend([0, 1].map(|node| Action::MeetHigherVersion(controller, node)));
        }
        let in_flight = (0..3u8).filter(|slot| state.in_flight[usize::from(*slot)].is_some());
        actions.extend(in_flight.map(Action::DeliverHeartbeat));
        for node in 0..2 {
            let pushed = (0..5).filter(|record| state.pushed & (1 << record) != 0);
            actions.extend(pushed.map(|record| Action::DeliverTopology(node, record)));
            actions.extend(WRITE_ACTIONS.map(|action| action(node)));
        }
        for node in self.faults.struck {
            actions.extend(NODE_FAULTS.map(|fault| fault(*node)));
        }
        actions.push(Action::RestartStore);
        if state.now < self.horizon {
            actions.push(Action::Tick(None));
            let drifts = (0..).take(self.faults.drift.len());
            actions.extend(drifts.map(|drift| Action::Tick(Some(drift))));
        }
    }

    /// What an action makes of a state; none if it is impossible or changes nothing.
    pub(crate) fn step(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        self.act(&mut state, action)?;
        self.watch_effect(&mut state);
        (state != *before).then_some(state)
    }

    fn act(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Tick(drift) => self.tick(state, drift),
            Action::Elect(controller) => self.elect(state, controller),
            Action::KeepSession(controller) => self.keep_session(state, controller),
            Action::HearOfSession(controller) => self.hear_of_session(state, controller),
            Action::ReadRecord(controller) => self.read_record(state, controller),
            Action::Push(controller) => self.push(state, controller),
            Action::CheckGuard(controller) => self.check_guard(state, controller),
            Action::Grant(controller) => self.grant(state, controller),
            Action::Promote(controller) => self.promote(state, controller),
            Action::Commit(controller) => self.commit(state, controller),
            Action::MeetHigherVersion(controller, node) => {
                self.meet_higher_version(state, controller, node)
            }
            Action::DeliverTopology(node, record) => self.take_topology(state, node, record),
            Action::DeliverHeartbeat(slot) => {
                let heartbeat = state.in_flight[usize::from(slot)].take()?;
                state.in_flight.sort_unstable();
                self.take_heartbeat(state, heartbeat);
                Some(())
            }
            fault => self.strike(state, fault),
        }
    }

    /// Faults and writes: each as often as the setup says.
    fn strike(&self, state: &mut State, fault: Action) -> Option<()> {
        let (spent, allowed) = (&mut state.spent, &self.faults);
        match fault {
            Action::Restart(node) => {
                spend(&mut spent.restarts, allowed.restarts)?;
                self.restart(state, node);
            }
            Action::LosePower(node) => {
                spend(&mut spent.power_losses, allowed.power_losses)?;
                self.lose_power(state, node);
            }
            Action::StepWallBack(node) => {
                spend(&mut spent.wall_steps, allowed.wall_steps)?;
                state.node_mut(node).wall_behind += 2;
            }
            Action::SetSlot(node) => {
                spend(&mut spent.set_slots, allowed.set_slots)?;
                state.node_mut(node).version += 1;
            }
            Action::RestartStore => {
                spend(&mut spent.store_restarts, allowed.store_restarts)?;
                self.restart_store(state);
            }
            Action::CheckWrite(node) => {
                spend(&mut spent.writes, allowed.writes)?;
                self.check_write(state, node)?;
            }
            Action::ApplyWrite(node) => self.apply_write(state, node)?,
            Action::AnswerWrite(node) => self.answer_write(state, node)?,
            other => unreachable!("{other:?} is no fault"),
        }
        Some(())
    }

    fn tick(&self, state: &mut State, drift: Option<u8>) -> Option<()> {
        if let Some(drift) = drift {
            let bit = 1 << drift;
            if state.spent.drift & bit != 0 {
                return None;
            }
            state.spent.drift |= bit;
            let (clock, by) = self.faults.drift[usize::from(drift)];
            *match clock {
                Clock::Node(node) => &mut state.node_mut(node).skew,
                Clock::Controller(controller) => &mut state.controller_mut(controller).skew,
                Clock::Store => &mut state.store.skew,
            } += by;
        }
        state.now += 1;
        for any in 0..2 {
            self.forget_deadline(state, any);
            self.forget_session(state, any);
        }
        Some(())
    }
}

fn spend(spent: &mut u8, allowed: u8) -> Option<()> {
    (*spent < allowed).then(|| *spent += 1)
}

const CONTROLLER_ACTIONS: [fn(u8) -> Action; 9] = [
    Action::Elect,
    Action::KeepSession,
    Action::HearOfSession,
    Action::ReadRecord,
    Action::Push,
    Action::CheckGuard,
    Action::Grant,
    Action::Promote,
    Action::Commit,
];

const WRITE_ACTIONS: [fn(u8) -> Action; 3] =
    [Action::CheckWrite, Action::ApplyWrite, Action::AnswerWrite];

const NODE_FAULTS: [fn(u8) -> Action; 4] =
    [Action::Restart, Action::LosePower, Action::StepWallBack, Action::SetSlot];
