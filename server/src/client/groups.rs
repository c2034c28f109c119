//! Groups: which there are, and what becomes of those that are deleted.

use std::collections::BTreeMap;

use protocol::ErrorCode;
use protocol::messages::{DeleteGroupsRequest, ListGroupsRequest, ListGroupsResponse};
use tokio::task::JoinSet;

use super::{Client, Coordinator, Error};

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: String,
    /// `classic`, `consumer`, `share` or `streams`; empty where the broker's version has no types.
    pub(crate) kind: String,
    /// What its protocols are about; empty for a group that only holds offsets.
    pub(crate) protocol: String,
    /// Its state; empty where the broker's version does not list it.
    pub(crate) state: String,
    /// The node that listed it.
    pub(crate) coordinator: Coordinator,
}

impl Client {
    /// The groups of all nodes, by id. Every node must answer: those that do not are asked until they do, or
    /// until the cluster does without them.
    pub(crate) async fn groups(&self) -> Result<Vec<Listed>, Error> {
        let mut backoff = self.backoff();
        loop {
            let nodes = self.metadata(Some(&[]), false).await?.brokers;
            match self.groups_of(nodes).await {
                Err(error) => backoff.wait(error).await?,
                done => return done,
            }
        }
    }

    async fn groups_of(&self, nodes: BTreeMap<i32, String>) -> Result<Vec<Listed>, Error> {
        let mut asked = JoinSet::new();
        for (node, address) in nodes {
            let client = self.clone();
            asked.spawn(async move {
                let connection = client.open_briefly(&address).await?;
                let response = connection.call(&ListGroupsRequest::default()).await?;
                listed(&Coordinator { node, address }, response)
            });
        }
        let mut groups = BTreeMap::new();
        for answer in asked.join_all().await {
            // A group that moves is listed by the node that it leaves, too.
            groups.extend(answer?.into_iter().map(|group| (group.id.clone(), group)));
        }
        Ok(groups.into_values().collect())
    }

    /// Deletes a group with its offsets.
    pub(crate) async fn delete_group(&self, id: &str) -> Result<(), Error> {
        let request = DeleteGroupsRequest { groups_names: vec![id.into()] };
        let deleted = self.coordinated(id, async |connection| {
            let response = connection.call(&request).await?;
            response.results.iter().try_for_each(|result| {
                if result.error_code == ErrorCode::GroupIdNotFound.code() {
                    return Err(Error::NoGroup { group: id.to_owned() });
                }
                Error::check(result.error_code, || format!("group {id}"))
            })
        });
        deleted.await.map(|_| ())
    }
}

fn listed(coordinator: &Coordinator, response: ListGroupsResponse) -> Result<Vec<Listed>, Error> {
    Error::check(response.error_code, || format!("groups of {coordinator}"))?;
    let group = |group: protocol::messages::list_groups::ListedGroup| Listed {
        id: group.group_id.into(),
        kind: group.group_type.into(),
        protocol: group.protocol_type.into(),
        state: group.group_state.into(),
        coordinator: coordinator.clone(),
    };
    Ok(response.groups.into_iter().map(group).collect())
}
