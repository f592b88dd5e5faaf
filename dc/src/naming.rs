//! How devices get their identities.
//!
//! A device is its gateway's key for it. Its id and addresses are drawn once, and kept also when the store fails:
//! the next request offers the very same record again, so whatever the store did, it holds one device at most. Its
//! name stays until its owner says otherwise, but for one thing: a name we made up gives way to the first one the device
//! asks for.

use crate::label::{automatic, is_automatic, unique};
use crate::record::{DeviceRecord, Record};
use crate::save::{ReplyTo, Saving};
use crate::{Coordinator, Event, Output, Reject};
use ntm_proto::id::{DeviceKey, Label, NodeId};
use ntm_proto::message::{DeviceRequest, DeviceResponse, Message, Refusal};
use std::time::Instant;

impl Coordinator {
    pub(crate) fn handle_device_request(
        &mut self,
        gateway: NodeId,
        message: DeviceRequest,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        self.registry.gateway(gateway).ok_or(Reject::WrongRole)?;
        let key = message.key;
        let device = match self.place(gateway, &message) {
            Ok(device) => device,
            Err(refusal) => {
                self.refuse_device(gateway, key, refusal, message.request, reply, now);
                return Ok(());
            }
        };
        let Some(known) = self.registry.device_mut(device) else {
            return Err(Reject::NotYours);
        };
        known.online = message.online;
        if let Some(ticket) = known.saving {
            let request = message.request;
            return match self.saves.get_mut(ticket) {
                Some(waiting @ Saving::Device { .. }) => {
                    *waiting = Saving::Device {
                        device,
                        request,
                        reply,
                    };
                    Ok(())
                }
                // It is being forgotten: what comes then is a new device.
                _ => Err(Reject::Busy),
            };
        }
        self.store_device(device, message.request, reply, now);
        Ok(())
    }

    /// Gives a device to the store if that does not have it as it is, or as it shall be; then answers.
    pub(crate) fn store_device(
        &mut self,
        device: NodeId,
        request: u32,
        reply: ReplyTo,
        now: Instant,
    ) {
        let Some(known) = self.registry.device(device) else {
            return;
        };
        let (gateway, key) = (known.record.gateway, known.record.key);
        if known.stored && known.rename.is_none() {
            return self.answer_device(device, request, reply, now);
        }
        let label = known
            .rename
            .clone()
            .unwrap_or_else(|| known.record.label.clone());
        let record = Record::Device(DeviceRecord {
            label,
            ..known.record.clone()
        });
        let saving = Saving::Device {
            device,
            request,
            reply,
        };
        match self.save(saving, record) {
            Some(ticket) => {
                if let Some(known) = self.registry.device_mut(device) {
                    known.saving = Some(ticket);
                }
            }
            None => self.refuse_device(gateway, key, Refusal::Storage, request, reply, now),
        }
    }

    /// The store has (or has not) the device.
    pub(crate) fn device_saved(
        &mut self,
        device: NodeId,
        saved: bool,
        request: u32,
        reply: ReplyTo,
        now: Instant,
    ) {
        let Some(known) = self.registry.device_mut(device) else {
            return;
        };
        known.saving = None;
        let (gateway, key, stored) = (known.record.gateway, known.record.key, known.stored);
        if saved {
            self.registry.device_stored(device);
            if let Some(identity) = self.registry.identity(device) {
                let event = Event::Named {
                    name: identity.name,
                    node: device,
                };
                self.output.push_back(Output::Event(event));
            }
        } else {
            self.rejects.add(Reject::NotSaved);
            self.output
                .push_back(Output::Event(Event::NotSaved { node: device }));
            if !stored {
                self.refuse_device(gateway, key, Refusal::Storage, request, reply, now);
                return;
            }
        }
        self.answer_device(device, request, reply, now);
    }

    /// The device meant: known, or made now.
    fn place(&mut self, gateway: NodeId, message: &DeviceRequest) -> Result<NodeId, Refusal> {
        if self.registry.live(gateway).is_none() {
            return Err(Refusal::NotRegistered);
        }
        let Some(device) = self.registry.device_by_key(gateway, message.key) else {
            return self.make_device(gateway, message.key, message.label.as_ref());
        };
        let known = self.registry.device(device).ok_or(Refusal::Unknown)?;
        let may_rename = known.stored
            && known.rename.is_none()
            && is_automatic(&known.record.label, message.key);
        if let Some(wanted) = message.label.as_ref().filter(|_| may_rename)
            && !is_automatic(wanted, message.key)
            && let Some(label) = self.choose_label(gateway, message.key, Some(wanted))
        {
            self.registry.keep_label(device, label);
        }
        Ok(device)
    }

    fn make_device(
        &mut self,
        gateway: NodeId,
        key: DeviceKey,
        wanted: Option<&Label>,
    ) -> Result<NodeId, Refusal> {
        let role = self
            .registry
            .gateway(gateway)
            .ok_or(Refusal::NotRegistered)?;
        let (account, devices) = (role.account, role.devices.len());
        let limits = self.limits;
        if devices >= limits.devices_per_gateway
            || self.registry.devices_of(account) >= limits.devices_per_account
        {
            return Err(Refusal::Limit);
        }
        let label = self
            .choose_label(gateway, key, wanted)
            .ok_or(Refusal::Limit)?;
        let name = self
            .registry
            .node_name(gateway)
            .and_then(|name| name.child(&label).ok());
        name.ok_or(Refusal::Limit)?;
        let allotted = self.registry.allotment.next(&mut self.random);
        let (node, vip4, vip6) = allotted.ok_or(Refusal::Limit)?;
        self.registry.add_device(DeviceRecord {
            node,
            gateway,
            key,
            label,
            vip4,
            vip6,
        });
        Ok(node)
    }

    /// The label a device gets behind its gateway: what it wants, or an automatic one.
    fn choose_label(
        &self,
        gateway: NodeId,
        key: DeviceKey,
        wanted: Option<&Label>,
    ) -> Option<Label> {
        let role = self.registry.gateway(gateway)?;
        let made_up = automatic(key);
        unique(wanted.unwrap_or(&made_up), |label| {
            !role.labels.contains_key(label)
        })
    }

    fn answer_device(&mut self, device: NodeId, request: u32, reply: ReplyTo, now: Instant) {
        let Some(known) = self.registry.device(device) else {
            return;
        };
        let (gateway, key) = (known.record.gateway, known.record.key);
        let result = self.registry.identity(device).ok_or(Refusal::Storage);
        let response = DeviceResponse {
            request,
            key,
            result,
        };
        self.answer(gateway, reply, &Message::DeviceResponse(response), now);
    }

    pub(crate) fn refuse_device(
        &mut self,
        gateway: NodeId,
        key: DeviceKey,
        refusal: Refusal,
        request: u32,
        reply: ReplyTo,
        now: Instant,
    ) {
        let response = DeviceResponse {
            request,
            key,
            result: Err(refusal),
        };
        self.answer(gateway, reply, &Message::DeviceResponse(response), now);
        self.tell_refused(gateway, refusal);
    }
}
