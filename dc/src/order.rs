//! What a gateway's owner says of a device: another name, or that it is to be forgotten.
//!
//! A name given by the owner replaces any other. A device that is forgotten leaves its name free and its addresses to
//! nobody: whoever meets an old address must not reach another device by it. If it comes back, it is a new one. As each
//! uses up addresses of the domain, a gateway may have so many in a day; and so many named, as each is a write to the disk.

use crate::label::unique;
use crate::rate::Bucket;
use crate::record::Record;
use crate::save::{ReplyTo, Saving};
use crate::{Coordinator, Event, Output, Reject};
use ntm_proto::id::{DeviceKey, Label, NodeId};
use ntm_proto::message::{DeviceOrder, DeviceResponse, Message, Refusal};
use std::time::{Duration, Instant};

/// Devices that a gateway may have forgotten in a day.
const FORGOTTEN: u32 = 32;
/// Names that it may give in a day: twice as many as devices of which something is said.
const NAMED: u32 = 512;
const DAY: Duration = Duration::from_secs(86_400);

impl Coordinator {
    pub(crate) fn handle_device_order(
        &mut self,
        gateway: NodeId,
        message: DeviceOrder,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        self.registry.gateway(gateway).ok_or(Reject::WrongRole)?;
        let (key, request) = (message.key, message.request);
        if self.registry.live(gateway).is_none() {
            self.refuse_device(gateway, key, Refusal::NotRegistered, request, reply, now);
            return Ok(());
        }
        let Some(device) = self.registry.device_by_key(gateway, key) else {
            self.answer_forgotten(gateway, key, request, reply, now);
            return Ok(());
        };
        // What the store is at work on comes first; the order is said again.
        let is_busy = self
            .registry
            .device(device)
            .is_none_or(|it| it.saving.is_some());
        if is_busy {
            return Err(Reject::Busy);
        }
        match message.name {
            Some(name) => self.rename_device(device, &name, request, reply, now),
            None => self.forget_device(device, request, reply, now),
        }
        Ok(())
    }

    fn rename_device(
        &mut self,
        device: NodeId,
        name: &Label,
        request: u32,
        reply: ReplyTo,
        now: Instant,
    ) {
        let Some(known) = self.registry.device(device) else {
            return;
        };
        let role = self.registry.gateway(known.record.gateway);
        let is_free = |label: &Label| {
            let owner = role.and_then(|role| role.labels.get(label));
            owner.is_none_or(|owner| *owner == device)
        };
        let label = unique(name, is_free).filter(|label| {
            let gateway = self.registry.node_name(known.record.gateway);
            gateway.is_some_and(|gateway| gateway.child(label).is_ok())
        });
        let is_other = known.rename.as_ref().or(Some(&known.record.label)) != label.as_ref();
        let (gateway, key) = (known.record.gateway, known.record.key);
        let role = self.registry.gateway_mut(gateway);
        let may = role.is_some_and(|role| {
            let new = || Bucket::of(NAMED, DAY, now);
            !is_other || role.named.get_or_insert_with(new).take(now)
        });
        match label.filter(|_| may) {
            Some(label) => self.registry.keep_label(device, label),
            None => return self.refuse_device(gateway, key, Refusal::Limit, request, reply, now),
        }
        self.store_device(device, request, reply, now);
    }

    fn forget_device(&mut self, device: NodeId, request: u32, reply: ReplyTo, now: Instant) {
        let Some(known) = self.registry.device(device) else {
            return;
        };
        let record = known.record.clone();
        let (gateway, key) = (record.gateway, record.key);
        let role = self.registry.gateway_mut(gateway);
        let may = role.is_some_and(|role| {
            let new = || Bucket::of(FORGOTTEN, DAY, now);
            role.forgotten.get_or_insert_with(new).take(now)
        });
        if !may {
            return self.refuse_device(gateway, key, Refusal::Limit, request, reply, now);
        }
        let saving = Saving::Forgotten {
            device,
            request,
            reply,
        };
        match self.save(saving, Record::Forgotten(record)) {
            Some(ticket) => {
                if let Some(known) = self.registry.device_mut(device) {
                    known.saving = Some(ticket);
                }
            }
            None => self.refuse_device(gateway, key, Refusal::Storage, request, reply, now),
        }
    }

    /// The store has the device no more (or still has it).
    pub(crate) fn device_forgotten(
        &mut self,
        device: NodeId,
        saved: bool,
        request: u32,
        reply: ReplyTo,
        now: Instant,
    ) {
        let name = self.registry.identity(device).map(|identity| identity.name);
        let Some(known) = self.registry.device_mut(device) else {
            return;
        };
        known.saving = None;
        let (gateway, key) = (known.record.gateway, known.record.key);
        if !saved {
            self.rejects.add(Reject::NotSaved);
            self.output
                .push_back(Output::Event(Event::NotSaved { node: device }));
            return self.refuse_device(gateway, key, Refusal::Storage, request, reply, now);
        }
        for tunnel in self.tunnels.of(gateway) {
            if let Some(tunnel) = self.tunnels.get_mut(tunnel) {
                tunnel.pairs.retain(|pair| !pair.devices.contains(&device));
            }
        }
        self.registry.remove_device(device);
        if let Some(name) = name {
            self.output
                .push_back(Output::Event(Event::Forgotten { name }));
        }
        self.answer_forgotten(gateway, key, request, reply, now);
    }

    fn answer_forgotten(
        &mut self,
        gateway: NodeId,
        key: DeviceKey,
        request: u32,
        reply: ReplyTo,
        now: Instant,
    ) {
        let response = DeviceResponse {
            request,
            key,
            result: Err(Refusal::Unknown),
        };
        self.answer(gateway, reply, &Message::DeviceResponse(response), now);
    }
}
